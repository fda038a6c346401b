#include <algorithm>
#include <cub/block/block_reduce.cuh>

#include "ops/clip_norm_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxBlocks = kThreads;  // one partial sum per thread of the second kernel

using BlockSum = cub::BlockReduce<double, kThreads>;

__global__ void sum_of_squares_kernel(const float* gradients, int64_t count, double* partial) {
  __shared__ BlockSum::TempStorage shared;
  double sum = 0;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * kThreads)
    sum += double{gradients[i]} * gradients[i];
  sum = BlockSum(shared).Sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// Every block adds up the partial sums itself, in the same order: cheaper than a third launch.
__global__ void scale_kernel(float* gradients, int64_t count, const double* partial,
                             double max_norm, float* norm) {
  __shared__ BlockSum::TempStorage shared;
  __shared__ float factor;
  const double sum = BlockSum(shared).Sum(threadIdx.x < gridDim.x ? partial[threadIdx.x] : 0.0);
  if (threadIdx.x == 0) {
    factor = clip_factor(sqrt(sum), max_norm);
    if (blockIdx.x == 0) *norm = static_cast<float>(sqrt(sum));
  }
  __syncthreads();
  if (factor == 1) return;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += int64_t{gridDim.x} * kThreads)
    gradients[i] *= factor;
}

}  // namespace

void clip_norm(double max_norm, Tensor& gradients, Tensor& norm) {
  const int64_t count = gradients.size();
  if (count == 0) return norm.fill_zero();
  const int64_t blocks = std::min<int64_t>((count + kThreads - 1) / kThreads, kMaxBlocks);
  const MemoryScope scope(MemoryUse::workspace);
  // Raw bytes: there are no float64 tensors on the GPU.
  const Tensor workspace =
      Tensor::empty({blocks * static_cast<int64_t>(sizeof(double))}, DType::uint8, Device::gpu);
  auto* partial = reinterpret_cast<double*>(workspace.data<uint8_t>());
  float* g = gradients.data<float>();
  const auto grid = static_cast<unsigned>(blocks);
  sum_of_squares_kernel<<<grid, kThreads, 0, stream()>>>(g, count, partial);
  check_launch("sum_of_squares");
  scale_kernel<<<grid, kThreads, 0, stream()>>>(g, count, partial, max_norm, norm.data<float>());
  check_launch("clip_norm scale");
}

}  // namespace strata::cuda
