#include "ops/adam_update_kernels.h"
#include "ops/flat_update.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

void change_weights(const AdamRule& adam, const AdamRule::Scalars& now, const Tensor& gradients,
                    Tensor& weights, Tensor& first, Tensor& second) {
  float* w = weights.data<float>();
  float* m = first.data<float>();
  float* v = second.data<float>();
  const float* g = gradients.data<float>();
  parallel_for(weights.size(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) adam.update(now, w[i], g[i], m[i], v[i]);
  });
}

}  // namespace

void adam_update(const ops::AdamOptions& options, const Tensor& gradients, ops::StepState& state,
                 Tensor& weights, Tensor& first, Tensor& second) {
  const AdamRule adam(options);
  if (*state.diverged_at.data<int32_t>() < 0)
    change_weights(adam, adam.at(*state.step.data<int32_t>(), *state.learning_rate.data<float>()),
                   gradients, weights, first, second);
  end_step(state);
}

}  // namespace strata::cpu
