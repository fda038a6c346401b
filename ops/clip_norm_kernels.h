// The factor of clip_norm, for both compilers, and the kernels' signature.
#pragma once

#include <cfloat>

#include "ops/clip_norm.h"
#include "tensor/host_device.h"

namespace strata {

/// What the gradients are multiplied by. The comparisons are false for NaN.
STRATA_HOST_DEVICE inline float clip_factor(double norm, double max_norm) {
  return norm > max_norm && norm <= DBL_MAX ? static_cast<float>(max_norm / norm) : 1.0f;
}

#define STRATA_CLIP_NORM_KERNELS \
  void clip_norm(double max_norm, Tensor& gradients, Tensor& norm);
namespace reference { STRATA_CLIP_NORM_KERNELS }
namespace cpu { STRATA_CLIP_NORM_KERNELS }
namespace cuda { STRATA_CLIP_NORM_KERNELS }
#undef STRATA_CLIP_NORM_KERNELS

}  // namespace strata
