#include "ops/record_metrics_kernels.h"

#include <cmath>
#include <numeric>

#include "ops/count_correct_kernels.h"

namespace strata::reference {

void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                    ops::StepState& state, ops::StepMetrics& metrics) {
  const int32_t step = *state.step.data<int32_t>();
  const int64_t slot = step % metrics.losses.size();
  const float* first = losses.data<float>();
  const double sum = std::accumulate(first, first + losses.size(), 0.0);
  const auto loss = static_cast<float>(sum / static_cast<double>(losses.size()));
  metrics.losses.data<float>()[slot] = loss;
  Tensor correct = metrics.correct.view({1}, slot);
  correct.fill_zero();
  count_correct(logits, labels, correct);
  int32_t& diverged_at = *state.diverged_at.data<int32_t>();
  if (diverged_at < 0 && !std::isfinite(loss)) diverged_at = step;
}

}  // namespace strata::reference
