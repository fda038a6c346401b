#include <cmath>

#include "ops/adam_update_kernels.h"
#include "ops/flat_update.h"

namespace strata::reference {
namespace {

// In double, so that what the other rungs lose to float32 shows.
void change_weights(const ops::AdamOptions& options, const ops::StepState& state,
                    const Tensor& gradients, Tensor& weights, Tensor& first, Tensor& second) {
  const double rate = *state.learning_rate.data<float>();
  const double t = *state.step.data<int32_t>() + 1;
  const double correction1 = 1 - std::pow(options.beta1, t);
  const double correction2 = 1 - std::pow(options.beta2, t);
  float* w = weights.data<float>();
  float* m = first.data<float>();
  float* v = second.data<float>();
  const float* gradient = gradients.data<float>();
  for (int64_t i = 0; i < weights.size(); ++i) {
    const double g = gradient[i] + (options.decoupled ? 0 : options.weight_decay * w[i]);
    const double mean = options.beta1 * m[i] + (1 - options.beta1) * g;
    const double square = options.beta2 * v[i] + (1 - options.beta2) * g * g;
    m[i] = static_cast<float>(mean);
    v[i] = static_cast<float>(square);
    double direction = mean / correction1 / (std::sqrt(square / correction2) + options.epsilon);
    if (options.decoupled) direction += options.weight_decay * w[i];
    w[i] = static_cast<float>(w[i] - rate * direction);
  }
}

}  // namespace

void adam_update(const ops::AdamOptions& options, const Tensor& gradients, ops::StepState& state,
                 Tensor& weights, Tensor& first, Tensor& second) {
  if (*state.diverged_at.data<int32_t>() < 0)
    change_weights(options, state, gradients, weights, first, second);
  end_step(state);
}

}  // namespace strata::reference
