#include "ops/clip_norm.h"

#include "ops/clip_norm_kernels.h"
#include "ops/dispatch.h"

namespace strata::ops {

Tensor clip_norm(Tensor& gradients, double max_norm) {
  const TraceScope trace(TraceLayer::op, "clip_norm");
  check(gradients.dtype() == DType::float32, "clip_norm: gradients must be float32, got {}",
        gradients.dtype());
  check(max_norm > 0, "clip_norm: max_norm must be above 0, got {}", max_norm);
  const MemoryScope scope(MemoryUse::workspace);
  Tensor norm = Tensor::empty({1}, DType::float32, gradients.device());
  const Rung rung = choose_rung("clip_norm", gradients);
  STRATA_DISPATCH(rung, clip_norm, max_norm, gradients, norm);
  return norm;
}

}  // namespace strata::ops
