#include <cmath>
#include <utility>

#include "ops/record_metrics_kernels.h"

namespace strata::reference {

void record_metrics(const Tensor& loss, Tensor& correct, ops::StepState& state,
                    ops::StepMetrics& metrics) {
  const int32_t step = *state.step.data<int32_t>();
  const int64_t slot = step % metrics.losses.size();
  metrics.losses.data<float>()[slot] = *loss.data<float>();
  metrics.correct.data<int32_t>()[slot] = std::exchange(*correct.data<int32_t>(), 0);
  int32_t& diverged_at = *state.diverged_at.data<int32_t>();
  if (diverged_at < 0 && !std::isfinite(*loss.data<float>())) diverged_at = step;
}

}  // namespace strata::reference
