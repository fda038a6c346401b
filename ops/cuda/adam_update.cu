#include "ops/adam_update_kernels.h"
#include "ops/cuda/flat_update.cuh"

namespace strata::cuda {
namespace {

struct AdamElements : AdamRule {
  static constexpr int kWritten = 3;
  using AdamRule::AdamRule;

  __device__ void update(const Scalars& now, float gradient, float (&element)[kWritten]) const {
    AdamRule::update(now, element[0], gradient, element[1], element[2]);
  }
};

}  // namespace

void adam_update(const ops::AdamOptions& options, const Tensor& gradients, ops::StepState& state,
                 Tensor& weights, Tensor& first, Tensor& second) {
  flat_update(
      "adam_update", AdamElements(options),
      {gradients.data<float>(), {weights.data<float>(), first.data<float>(), second.data<float>()}},
      weights.size(), state, are_settled(state, {weights, first, second}));
}

}  // namespace strata::cuda
