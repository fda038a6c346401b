#include "ops/adam_update_kernels.h"
#include "ops/cpu/instructions.h"
#include "ops/flat_update.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

struct Range {
  const AdamRule& adam;
  const AdamRule::Scalars& now;
  float* weights;
  const float* gradients;
  float *first, *second;
  int64_t count;
};

// Copies of what does not change, and pointers that cannot meet, let the compiler use vectors.
template <int kLanes>
[[gnu::always_inline]] inline void update_range(const Range& range) {
  const AdamRule adam = range.adam;
  const AdamRule::Scalars now = range.now;
  float* __restrict w = range.weights;
  float* __restrict m = range.first;
  float* __restrict v = range.second;
  const float* __restrict g = range.gradients;
  for (int64_t i = 0; i < range.count; ++i) adam.update(now, w[i], g[i], m[i], v[i]);
}
STRATA_COMPILE_KERNEL(update, const Range&, update_range, 16, 8, 4)

void change_weights(const AdamRule& adam, const AdamRule::Scalars& now, const Tensor& gradients,
                    Tensor& weights, Tensor& first, Tensor& second) {
  float* w = weights.data<float>();
  float* m = first.data<float>();
  float* v = second.data<float>();
  const float* g = gradients.data<float>();
  note_instructions();
  parallel_for(weights.size(), kGrain, [&](int64_t begin, int64_t end) {
    update({adam, now, w + begin, g + begin, m + begin, v + begin, end - begin});
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
