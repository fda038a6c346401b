#include "ops/flat_update.h"
#include "ops/sgd_update_kernels.h"

namespace strata::reference {
namespace {

// In double, so that what the other rungs lose to float32 shows.
void change_weights(const ops::SgdOptions& options, const ops::StepState& state,
                    const Tensor& gradients, Tensor& weights, Tensor& velocity) {
  const double rate = *state.learning_rate.data<float>();
  float* w = weights.data<float>();
  float* kept = velocity.defined() ? velocity.data<float>() : nullptr;
  const float* gradient = gradients.data<float>();
  for (int64_t i = 0; i < weights.size(); ++i) {
    const double g = gradient[i] + options.weight_decay * w[i];
    double v = g;
    if (kept) {
      v = options.momentum * kept[i] + g;
      kept[i] = static_cast<float>(v);
    }
    w[i] = static_cast<float>(w[i] - rate * (options.nesterov ? g + options.momentum * v : v));
  }
}

}  // namespace

void sgd_update(const ops::SgdOptions& options, const Tensor& gradients, ops::StepState& state,
                Tensor& weights, Tensor& velocity) {
  if (*state.diverged_at.data<int32_t>() < 0)
    change_weights(options, state, gradients, weights, velocity);
  end_step(state);
}

}  // namespace strata::reference
