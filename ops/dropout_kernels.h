// The mask of dropout and its kernels' signature.
#pragma once

#include "ops/dropout.h"
#include "tensor/host_device.h"
#include "tensor/random.h"

namespace strata {

struct DropoutMask {
  double rate, scale;  // scale = 1 / (1 - rate)
  uint64_t seed, stream;
  uint32_t threshold;  // random_uniform >= rate exactly when the word's upper 24 bits >= threshold

  /// Throws as ops::dropout says.
  DropoutMask(const Tensor& input, double rate, const ops::DropoutState& state);

  STRATA_HOST_DEVICE uint64_t stream_at(int32_t step) const {
    return stream << 32 | static_cast<uint32_t>(step);
  }
  STRATA_HOST_DEVICE bool keeps(uint32_t word) const { return (word >> 8) >= threshold; }
};

/// The step on the host, of a CPU tensor.
inline int32_t step_of(const Tensor& step) { return step.defined() ? *step.data<int32_t>() : 0; }

// Forward and backward are the same linear map, applied to the input or to grad_output.
#define STRATA_DROPOUT_KERNELS                                                            \
  void dropout(const DropoutMask& mask, const Tensor& step, const Tensor& input, Tensor& output);
namespace reference { STRATA_DROPOUT_KERNELS }
namespace cpu { STRATA_DROPOUT_KERNELS }
namespace cuda { STRATA_DROPOUT_KERNELS }
#undef STRATA_DROPOUT_KERNELS

}  // namespace strata
