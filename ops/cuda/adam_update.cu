#include "ops/adam_update_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void adam_update_kernel(AdamConstants constants, const int32_t* step,
                                   const float* learning_rate, const int32_t* diverged_at,
                                   const float* gradients, float* weights, float* first,
                                   float* second, int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count || *diverged_at >= 0) return;
  const AdamStep adam(constants, *step, *learning_rate);
  adam.update(weights[i], gradients[i], first[i], second[i]);
}

}  // namespace

void adam_update(const ops::AdamOptions& options, const ops::StepState& state,
                 const Tensor& gradients, Tensor& weights, Tensor& first, Tensor& second) {
  const int64_t count = weights.size();
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  adam_update_kernel<<<blocks, kThreads, 0, stream()>>>(
      AdamConstants(options), state.step.data<int32_t>(), state.learning_rate.data<float>(),
      state.diverged_at.data<int32_t>(), gradients.data<float>(), weights.data<float>(),
      first.data<float>(), second.data<float>(), count);
  check_launch("adam_update");
}

}  // namespace strata::cuda
