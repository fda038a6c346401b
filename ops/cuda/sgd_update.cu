#include "ops/cuda/flat_update.cuh"
#include "ops/sgd_update_kernels.h"

namespace strata::cuda {
namespace {

struct SgdScalars {
  float rate;
};

struct SgdElements {
  static constexpr int kWritten = 1;
  using Scalars = SgdScalars;
  SgdRule sgd;

  __device__ Scalars at(int32_t, float learning_rate) const { return {learning_rate}; }
  __device__ void update(const Scalars& now, float gradient, float (&element)[kWritten]) const {
    sgd.update(element[0], gradient, now.rate);
  }
};

struct MomentumElements {
  static constexpr int kWritten = 2;
  using Scalars = SgdScalars;
  SgdRule sgd;

  __device__ Scalars at(int32_t, float learning_rate) const { return {learning_rate}; }
  __device__ void update(const Scalars& now, float gradient, float (&element)[kWritten]) const {
    sgd.update(element[0], gradient, element[1], now.rate);
  }
};

}  // namespace

void sgd_update(const ops::SgdOptions& options, const Tensor& gradients, ops::StepState& state,
                Tensor& weights, Tensor& velocity) {
  const SgdRule sgd(options);
  if (velocity.defined())
    flat_update("sgd_update", MomentumElements{sgd},
                {gradients.data<float>(), {weights.data<float>(), velocity.data<float>()}},
                weights.size(), state, are_settled(state, {weights, velocity}));
  else
    flat_update("sgd_update", SgdElements{sgd}, {gradients.data<float>(), {weights.data<float>()}},
                weights.size(), state, are_settled(state, {weights}));
}

}  // namespace strata::cuda
