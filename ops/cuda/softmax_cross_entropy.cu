// The mean loss and, where wanted, its gradient: one kernel, one pass over the logits.
//
// Rows of up to 32 classes, which is what a classifier has: a thread a row, its logits in
// registers. They come in and go out through shared memory, so that neighbouring threads touch
// neighbouring addresses; there a row takes an odd number of words, so that the threads of a warp
// meet 32 banks. Wider rows: a warp a row.
//
// Every thread hands its row's loss to add_to_mean(): the block's sum goes to memory, and the block
// that is last adds up the sums. All orders are fixed by the shape. Small batches are one block,
// which waits for nobody; the others are cut into blocks of 64 rows, which for 8,192 rows is one
// block a multiprocessor.
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/last_block.cuh"
#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffff;
constexpr int kMostNarrow = 32;     // classes
constexpr int kOneBlockRows = 512;  // as one block of that many threads
constexpr int kOneBlockBytes = 32 << 10;
constexpr int kRowsPerBlock = 64;  // otherwise
constexpr int kWideThreads = 256;  // 8 rows

struct Operands {
  int64_t rows, classes;
  const float* __restrict__ logits;
  const int32_t* __restrict__ labels;
  float* __restrict__ grad_logits;  // null: not wanted
  float* loss;
  float* block_sums;  // a number a block

  __device__ float share() const { return 1 / static_cast<float>(rows); }  // of a row in the mean
};

__device__ unsigned blocks_done;

template <class T>
__device__ T warp_sum(T value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

/// Called by all threads of a block. Within it, 5 + 4 float32 additions follow on one another.
__device__ void add_to_mean(const Operands& operands, float row_loss) {
  __shared__ float warp_sums[kWarp];
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const float sum = warp_sum(row_loss);
  if (lane == 0) warp_sums[warp] = sum;
  __syncthreads();
  if (warp != 0) return;
  const float block_sum =
      warp_sum(lane < static_cast<int>(blockDim.x) / kWarp ? warp_sums[lane] : 0.0f);

  double total = block_sum;
  if (gridDim.x > 1) {
    int last = 0;
    if (lane == 0) {
      operands.block_sums[blockIdx.x] = block_sum;
      last = is_last(arrive(&blocks_done));
    }
    if (!__shfl_sync(kAllLanes, last, 0)) return;
    total = 0;
    for (unsigned block = lane; block < gridDim.x; block += kWarp)
      total += __ldcg(operands.block_sums + block);
    total = warp_sum(total);
  }
  if (lane == 0) *operands.loss = static_cast<float>(total / static_cast<double>(operands.rows));
}

/// The loss of the row in `x`, which its gradient overwrites. `kMost` >= classes is a constant, so
/// that the row stays in registers.
template <int kMost>
__device__ float narrow_row(float* x, int classes, int32_t label, float share) {
  float value[kMost];
  float largest = -INFINITY;  // not a NaN if one is there: it reaches the sum
#pragma unroll
  for (int c = 0; c < kMost; ++c) {
    value[c] = c < classes ? x[c] : -INFINITY;
    largest = fmaxf(largest, value[c]);
  }
  const bool valid = label >= 0 && label < classes;
  const float relative = valid ? x[label] - largest : NAN;
  float sum = 0;
#pragma unroll
  for (int c = 0; c < kMost; ++c) {
    if (c < classes) value[c] = expf(value[c] - largest);
    if (c < classes) sum += value[c];
  }
  const float scale = share / sum;
#pragma unroll
  for (int c = 0; c < kMost; ++c)
    if (c < classes) x[c] = value[c] * scale - (c == label ? share : 0.0f);
  return logf(sum) - relative;
}

template <int kMost>
__global__ void __launch_bounds__(kOneBlockRows)
    narrow_rows_kernel(Operands operands, FastDivide by_classes) {
  extern __shared__ float tile[];
  const int classes = static_cast<int>(operands.classes), stride = classes | 1;
  const int64_t first = int64_t{blockIdx.x} * blockDim.x;
  const int rows = static_cast<int>(min(int64_t{blockDim.x}, operands.rows - first));
  const int n = static_cast<int>(threadIdx.x), size = rows * classes;
  const int32_t label = n < rows ? operands.labels[first + n] : 0;
#pragma unroll 8
  for (int i = n; i < size; i += static_cast<int>(blockDim.x))
    tile[i + by_classes.quotient(i) * (stride - classes)] = operands.logits[first * classes + i];
  __syncthreads();
  float loss = 0;
  if (n < rows) loss = narrow_row<kMost>(tile + n * stride, classes, label, operands.share());
  if (operands.grad_logits) {
    __syncthreads();
#pragma unroll 8
    for (int i = n; i < size; i += static_cast<int>(blockDim.x))
      operands.grad_logits[first * classes + i] =
          tile[i + by_classes.quotient(i) * (stride - classes)];
  }
  add_to_mean(operands, loss);
}

/// The loss of a row, in all lanes.
__device__ float wide_row(const Operands& operands, int64_t n, int lane) {
  const float* __restrict__ x = operands.logits + n * operands.classes;
  float largest = -INFINITY;
  for (int64_t c = lane; c < operands.classes; c += kWarp) largest = fmaxf(largest, x[c]);
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, offset));
  float sum = 0;
  for (int64_t c = lane; c < operands.classes; c += kWarp) sum += expf(x[c] - largest);
  sum = warp_sum(sum);
  const int32_t label = operands.labels[n];
  if (operands.grad_logits) {
    float* __restrict__ gradient = operands.grad_logits + n * operands.classes;
    const float scale = operands.share() / sum;
    for (int64_t c = lane; c < operands.classes; c += kWarp)
      gradient[c] = expf(x[c] - largest) * scale - (c == label ? operands.share() : 0.0f);
  }
  const bool valid = label >= 0 && label < operands.classes;
  return logf(sum) - (valid ? x[label] - largest : NAN);
}

__global__ void __launch_bounds__(kWideThreads) wide_rows_kernel(Operands operands) {
  const int lane = threadIdx.x % kWarp;
  const int64_t n = (int64_t{blockIdx.x} * kWideThreads + threadIdx.x) / kWarp;
  float loss = 0;
  if (n < operands.rows) loss = wide_row(operands, n, lane);
  add_to_mean(operands, lane == 0 ? loss : 0);
}

int64_t blocks_for(int64_t count, int64_t per_block) {
  return (count + per_block - 1) / per_block;
}

void launch_narrow(Operands operands) {
  const int64_t row_bytes = (operands.classes | 1) * sizeof(float);
  const int64_t in_warps = blocks_for(operands.rows, kWarp) * kWarp;
  const bool one_block = operands.rows <= kOneBlockRows && in_warps * row_bytes <= kOneBlockBytes;
  const int64_t threads = one_block ? in_warps : kRowsPerBlock;
  const int64_t blocks = blocks_for(operands.rows, threads);
  const Tensor block_sums = Tensor::empty({blocks}, DType::float32, Device::gpu);
  operands.block_sums = block_sums.data<float>();
  const auto kernel =
      operands.classes <= 16 ? narrow_rows_kernel<16> : narrow_rows_kernel<kMostNarrow>;
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), threads * row_bytes,
           stream()>>>(operands, FastDivide(operands.classes));
}

void launch_wide(Operands operands) {
  const int64_t blocks = blocks_for(operands.rows, kWideThreads / kWarp);
  const Tensor block_sums = Tensor::empty({blocks}, DType::float32, Device::gpu);
  operands.block_sums = block_sums.data<float>();
  wide_rows_kernel<<<static_cast<unsigned>(blocks), kWideThreads, 0, stream()>>>(operands);
}

}  // namespace

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& loss, Tensor& grad_logits) {
  const MemoryScope scope(MemoryUse::workspace);
  const Operands operands{
      .rows = geometry.rows,
      .classes = geometry.classes,
      .logits = logits.data<float>(),
      .labels = labels.data<int32_t>(),
      .grad_logits = grad_logits.defined() ? grad_logits.data<float>() : nullptr,
      .loss = loss.data<float>(),
      .block_sums = nullptr};
  geometry.classes <= kMostNarrow ? launch_narrow(operands) : launch_wide(operands);
  check_launch("softmax_cross_entropy");
}

}  // namespace strata::cuda
