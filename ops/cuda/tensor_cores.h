// Whether products run on tensor cores.
#pragma once

#include "ops/settings.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {

/// Whether the user allows TF32 and the GPU has it: from Ampere (8.0) on.
inline bool use_tensor_cores() {
  return settings().precision != Precision::fp32 && device_info().compute_capability >= 80;
}

}  // namespace strata::cuda
