#include "ops/record_metrics_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

__global__ void record_metrics_kernel(const float* loss, int32_t* correct, const int32_t* step,
                                      int64_t slots, float* losses, int32_t* corrects,
                                      int32_t* diverged_at) {
  const int64_t slot = *step % slots;
  losses[slot] = *loss;
  corrects[slot] = *correct;
  *correct = 0;
  if (*diverged_at < 0 && !isfinite(*loss)) *diverged_at = *step;
}

}  // namespace

void record_metrics(const Tensor& loss, Tensor& correct, ops::StepState& state,
                    ops::StepMetrics& metrics) {
  record_metrics_kernel<<<1, 1, 0, stream()>>>(
      loss.data<float>(), correct.data<int32_t>(), state.step.data<int32_t>(),
      metrics.losses.size(), metrics.losses.data<float>(), metrics.correct.data<int32_t>(),
      state.diverged_at.data<int32_t>());
  check_launch("record_metrics");
}

}  // namespace strata::cuda
