#include "ops/adam_update_kernels.h"
#include "ops/cpu/instructions.h"
#include "ops/flat_update.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

struct AdamRange {
  const AdamRule& adam;
  const AdamRule::Scalars& now;
  float* weights;
  const float* gradients;
  float *first, *second;
  int64_t count;
};

}  // namespace
}  // namespace strata::cpu

#define STRATA_KERNEL "ops/cpu/adam_update.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
namespace {

STRATA_CHOOSE_KERNEL(update_adam, const AdamRange&)

constexpr int64_t kGrain = 16384;  // elements that are not worth another thread

void change_weights(const AdamRule& adam, const AdamRule::Scalars& now, const Tensor& gradients,
                    Tensor& weights, Tensor& first, Tensor& second) {
  float* w = weights.data<float>();
  float* m = first.data<float>();
  float* v = second.data<float>();
  const float* g = gradients.data<float>();
  note_instructions();
  parallel_for(weights.size(), kGrain, [&](int64_t begin, int64_t end) {
    update_adam({adam, now, w + begin, g + begin, m + begin, v + begin, end - begin});
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
