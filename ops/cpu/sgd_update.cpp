#include "ops/flat_update.h"
#include "ops/sgd_update_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

void change_weights(const SgdRule& sgd, float rate, const Tensor& gradients, Tensor& weights,
                    Tensor& velocity) {
  float* w = weights.data<float>();
  float* v = velocity.defined() ? velocity.data<float>() : nullptr;
  const float* g = gradients.data<float>();
  parallel_for(weights.size(), kGrain, [=](int64_t begin, int64_t end) {
    if (v)
      for (int64_t i = begin; i < end; ++i) sgd.update(w[i], g[i], v[i], rate);
    else
      for (int64_t i = begin; i < end; ++i) sgd.update(w[i], g[i], rate);
  });
}

}  // namespace

void sgd_update(const ops::SgdOptions& options, const Tensor& gradients, ops::StepState& state,
                Tensor& weights, Tensor& velocity) {
  if (*state.diverged_at.data<int32_t>() < 0)
    change_weights(SgdRule(options), *state.learning_rate.data<float>(), gradients, weights,
                   velocity);
  end_step(state);
}

}  // namespace strata::cpu
