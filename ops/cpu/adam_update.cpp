#include "ops/adam_update_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

}  // namespace

void adam_update(const ops::AdamOptions& options, const ops::StepState& state,
                 const Tensor& gradients, Tensor& weights, Tensor& first, Tensor& second) {
  if (*state.diverged_at.data<int32_t>() >= 0) return;
  const AdamStep adam(AdamConstants(options), *state.step.data<int32_t>(),
                      *state.learning_rate.data<float>());
  float* w = weights.data<float>();
  float* m = first.data<float>();
  float* v = second.data<float>();
  const float* g = gradients.data<float>();
  parallel_for(weights.size(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) adam.update(w[i], g[i], m[i], v[i]);
  });
}

}  // namespace strata::cpu
