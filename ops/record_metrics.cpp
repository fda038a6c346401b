#include "ops/record_metrics.h"

#include "ops/dispatch.h"
#include "ops/record_metrics_kernels.h"

namespace strata::ops {

StepMetrics StepMetrics::of(int64_t steps, Device device) {
  check(steps >= 1, "record_metrics: metrics need room for at least one step, got {}", steps);
  const MemoryScope scope(MemoryUse::optimizer);
  return {.losses = Tensor::zeros({steps}, DType::float32, device),
          .correct = Tensor::zeros({steps}, DType::int32, device)};
}

void record_metrics(const Tensor& loss, Tensor& correct, StepState& state, StepMetrics& metrics) {
  check(loss.size() == 1 && loss.dtype() == DType::float32,
        "record_metrics: the loss must be one float32, got {} {}", loss.dtype(), loss.shape());
  check(correct.size() == 1 && correct.dtype() == DType::int32,
        "record_metrics: the count must be one int32, got {} {}", correct.dtype(), correct.shape());
  check_same_device("record_metrics", loss, correct);
  check_same_device("record_metrics", loss, state.step);
  check_same_device("record_metrics", loss, metrics.losses);
  const Rung rung = choose_rung("record_metrics", loss);
  STRATA_DISPATCH(rung, record_metrics, loss, correct, state, metrics);
}

}  // namespace strata::ops
