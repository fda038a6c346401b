#include "ops/sgd_update_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void sgd_update_kernel(SgdStep sgd, const float* learning_rate,
                                  const int32_t* diverged_at, const float* gradients,
                                  float* weights, float* velocity, int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count || *diverged_at >= 0) return;
  if (velocity)
    sgd.update(weights[i], gradients[i], velocity[i], *learning_rate);
  else
    sgd.update(weights[i], gradients[i], *learning_rate);
}

}  // namespace

void sgd_update(const ops::SgdOptions& options, const ops::StepState& state,
                const Tensor& gradients, Tensor& weights, Tensor& velocity) {
  const int64_t count = weights.size();
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  sgd_update_kernel<<<blocks, kThreads, 0, stream()>>>(
      SgdStep(options), state.learning_rate.data<float>(), state.diverged_at.data<int32_t>(),
      gradients.data<float>(), weights.data<float>(),
      velocity.defined() ? velocity.data<float>() : nullptr, count);
  check_launch("sgd_update");
}

}  // namespace strata::cuda
