// A warp per row finds the logarithm of its sum and its loss; one block then sums the rows' losses in
// a fixed order. Backward is elementwise.
#include <cub/block/block_reduce.cuh>
#include <cub/warp/warp_reduce.cuh>

#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 8;
constexpr int kSumThreads = 512;
constexpr int kElementThreads = 256;

unsigned blocks_for(int64_t count, int64_t per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

struct Larger {
  // A NaN wins, so that it reaches the loss.
  __device__ float operator()(float a, float b) const { return a != a || a > b ? a : b; }
};

// blockDim = (32, kRowsPerBlock)
__global__ void row_losses_kernel(CrossEntropyGeometry geometry, const float* logits,
                                  const int32_t* labels, float* log_sums, float* row_losses) {
  using WarpReduce = cub::WarpReduce<float>;
  __shared__ WarpReduce::TempStorage shared[kRowsPerBlock];
  const int64_t n = int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.y;
  if (n >= geometry.rows) return;  // a whole warp leaves
  const float* row = logits + n * geometry.classes;

  float largest = -INFINITY;
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp)
    largest = Larger()(row[c], largest);
  largest = WarpReduce(shared[threadIdx.y]).Reduce(largest, Larger());
  largest = __shfl_sync(0xffffffff, largest, 0);

  float sum = 0;
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp) sum += expf(row[c] - largest);
  __syncwarp();  // the shared memory is used again
  sum = WarpReduce(shared[threadIdx.y]).Sum(sum);
  if (threadIdx.x != 0) return;
  const float log_sum = largest + logf(sum);
  const int32_t label = labels[n];
  log_sums[n] = log_sum;
  row_losses[n] = label >= 0 && label < geometry.classes ? log_sum - row[label] : NAN;
}

__global__ void mean_kernel(const float* row_losses, int64_t rows, float* loss) {
  using BlockReduce = cub::BlockReduce<double, kSumThreads>;
  __shared__ BlockReduce::TempStorage shared;
  double sum = 0;
  for (int64_t n = threadIdx.x; n < rows; n += kSumThreads) sum += row_losses[n];
  sum = BlockReduce(shared).Sum(sum);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / static_cast<double>(rows));
}

__global__ void grad_logits_kernel(CrossEntropyGeometry geometry, const float* logits,
                                   const int32_t* labels, const float* log_sums,
                                   const float* grad_output, float* grad_logits) {
  const int64_t i = int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  if (i >= geometry.rows * geometry.classes) return;
  const int64_t n = i / geometry.classes;
  const float scale = *grad_output / static_cast<float>(geometry.rows);
  const float target = i - n * geometry.classes == labels[n] ? 1.0f : 0.0f;
  grad_logits[i] = scale * (expf(logits[i] - log_sums[n]) - target);
}

}  // namespace

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& log_sums, Tensor& loss) {
  const MemoryScope scope(MemoryUse::workspace);
  Tensor row_losses = Tensor::empty({geometry.rows}, DType::float32, Device::gpu);
  row_losses_kernel<<<blocks_for(geometry.rows, kRowsPerBlock), dim3(kWarp, kRowsPerBlock), 0,
                      stream()>>>(geometry, logits.data<float>(), labels.data<int32_t>(),
                                  log_sums.data<float>(), row_losses.data<float>());
  check_launch("softmax_cross_entropy: row losses");
  mean_kernel<<<1, kSumThreads, 0, stream()>>>(row_losses.data<float>(), geometry.rows,
                                               loss.data<float>());
  check_launch("softmax_cross_entropy: mean");
}

void softmax_cross_entropy_backward(const CrossEntropyGeometry& geometry, const Tensor& logits,
                                    const Tensor& labels, const Tensor& log_sums,
                                    const Tensor& grad_output, Tensor& grad_logits) {
  grad_logits_kernel<<<blocks_for(logits.size(), kElementThreads), kElementThreads, 0, stream()>>>(
      geometry, logits.data<float>(), labels.data<int32_t>(), log_sums.data<float>(),
      grad_output.data<float>(), grad_logits.data<float>());
  check_launch("softmax_cross_entropy_backward");
}

}  // namespace strata::cuda
