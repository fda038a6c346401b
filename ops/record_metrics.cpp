#include "ops/record_metrics.h"

#include "ops/count_correct_kernels.h"
#include "ops/dispatch.h"
#include "ops/record_metrics_kernels.h"

namespace strata::ops {

StepMetrics StepMetrics::of(int64_t steps, Device device) {
  check(steps >= 1, "record_metrics: metrics need room for at least one step, got {}", steps);
  const MemoryScope scope(MemoryUse::optimizer);
  return {.losses = Tensor::zeros({steps}, DType::float32, device),
          .correct = Tensor::zeros({steps}, DType::int32, device)};
}

void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& loss,
                    StepState& state, StepMetrics& metrics) {
  check_classification("record_metrics", logits, labels);
  check(loss.size() == 1 && loss.dtype() == DType::float32,
        "record_metrics: the loss must be one float32, got {} {}", loss.dtype(), loss.shape());
  for (const Tensor& other : {loss, state.step, metrics.losses})
    check_same_device("record_metrics", logits, other);
  const Rung rung = choose_rung("record_metrics", logits);
  STRATA_DISPATCH(rung, record_metrics, logits, labels, loss, state, metrics);
}

}  // namespace strata::ops
