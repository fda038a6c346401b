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

void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                    StepState& state, StepMetrics& metrics) {
  const TraceScope trace(TraceLayer::op, "record_metrics");
  check_classification("record_metrics", logits, labels);
  const bool fits =
      losses.size() == 1 || (losses.size() > 0 && losses.shape() == Shape{logits.extent(0)});
  check(fits && losses.dtype() == DType::float32,
        "record_metrics: logits {} need losses of one float32, or one a row, got {} {}",
        logits.shape(), losses.dtype(), losses.shape());
  for (const Tensor& other : {losses, state.step, metrics.losses})
    check_same_device("record_metrics", logits, other);
  const Rung rung = choose_rung("record_metrics", logits);
  STRATA_DISPATCH(rung, record_metrics, logits, labels, losses, state, metrics);
}

}  // namespace strata::ops
