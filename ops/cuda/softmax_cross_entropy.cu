// The mean loss and, where wanted, its gradient: one kernel, one pass over the logits.
//
// Rows of up to 32 classes, which is what a classifier has: four lanes of a warp a row, every
// fourth class each, in registers. A thread a row would be some 700 instructions on end with nobody
// beside it; a warp a row would keep most lanes idle. Wider rows: a warp a row.
//
// Every thread hands its part of the rows' losses to add_to_mean(): the block's sum goes to memory,
// and the block that is last adds up the sums. All orders are fixed by the shape. Small batches are
// one block, which waits for nobody; the others are cut into blocks of 64 rows, which for 8,192
// rows is one block a multiprocessor.
#include "ops/cuda/last_block.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/softmax_cross_entropy_kernels.h"

namespace strata::cuda {
namespace {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffff;
constexpr int kNarrowLanes = 4;         // of a row
constexpr int kMostNarrow = 32;         // classes
constexpr int kOneBlockThreads = 1024;  // 256 rows
constexpr int kThreads = 256;           // otherwise: 64 narrow rows, 8 wide ones

struct Operands {
  int64_t rows, classes;
  const float* __restrict__ logits;
  const int32_t* __restrict__ labels;
  float* __restrict__ grad_logits;  // null: not wanted
  float* loss;
  float* block_sums;  // a number a block
  float share;        // of a row in the mean: 1 / rows
};

__device__ unsigned blocks_done;

template <int kLanes, class T>
__device__ T sum_over(T value) {
  for (int offset = kLanes / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

// A NaN does not win, but reaches the sum of exponentials.
template <int kLanes>
__device__ float largest_of(float value) {
  for (int offset = kLanes / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

/// Called by all threads of a block. Within it, ten float32 additions follow on one another.
__device__ void add_to_mean(const Operands& operands, float row_loss) {
  __shared__ float warp_sums[kWarp];
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const float sum = sum_over<kWarp>(row_loss);
  if (lane == 0) warp_sums[warp] = sum;
  __syncthreads();
  if (warp != 0) return;
  const float block_sum =
      sum_over<kWarp>(lane < static_cast<int>(blockDim.x) / kWarp ? warp_sums[lane] : 0.0f);

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
    total = sum_over<kWarp>(total);
  }
  if (lane == 0) *operands.loss = static_cast<float>(total / static_cast<double>(operands.rows));
}

/// At most kNarrowLanes * kPerLane classes. A row's loss is ln(sum) from its first lane and the
/// distance to the maximum from the lane that holds the label's logit: neither is negative.
template <int kPerLane>
__global__ void __launch_bounds__(kOneBlockThreads) narrow_rows_kernel(Operands operands) {
  const int64_t thread = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const int64_t n = thread / kNarrowLanes;
  const int lane = static_cast<int>(threadIdx.x) % kNarrowLanes;
  take_turn();
  pass_turn();
  operands.logits = after_turn(operands.logits);
  operands.labels = after_turn(operands.labels);
  const int classes = n < operands.rows ? static_cast<int>(operands.classes) : 0;
  const int32_t label = n < operands.rows ? operands.labels[n] : 0;
  float value[kPerLane];
  float largest = -INFINITY;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = lane + i * kNarrowLanes;
    value[i] = c < classes ? operands.logits[n * operands.classes + c] : -INFINITY;
    largest = fmaxf(largest, value[i]);
  }
  largest = largest_of<kNarrowLanes>(largest);

  float sum = 0, loss = 0;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const float relative = value[i] - largest;
    if (lane + i * kNarrowLanes == label) loss = -relative;
    value[i] = expf(relative);
    sum += value[i];
  }
  sum = sum_over<kNarrowLanes>(sum);
  if (lane == 0) loss += label >= 0 && label < classes ? logf(sum) : NAN;

  const float share = operands.share, scale = share / sum;
#pragma unroll
  for (int i = 0; i < kPerLane; ++i) {
    const int c = lane + i * kNarrowLanes;
    if (operands.grad_logits && c < classes)
      operands.grad_logits[n * operands.classes + c] = value[i] * scale - (c == label ? share : 0);
  }
  add_to_mean(operands, n < operands.rows ? loss : 0);
}

/// The loss of a row, in all lanes.
__device__ float wide_row(const Operands& operands, int64_t n, int lane) {
  const float* __restrict__ x = operands.logits + n * operands.classes;
  float largest = -INFINITY;
  for (int64_t c = lane; c < operands.classes; c += kWarp) largest = fmaxf(largest, x[c]);
  largest = largest_of<kWarp>(largest);
  float sum = 0;
  for (int64_t c = lane; c < operands.classes; c += kWarp) sum += expf(x[c] - largest);
  sum = sum_over<kWarp>(sum);
  const int32_t label = operands.labels[n];
  if (operands.grad_logits) {
    float* __restrict__ gradient = operands.grad_logits + n * operands.classes;
    const float scale = operands.share / sum;
    for (int64_t c = lane; c < operands.classes; c += kWarp)
      gradient[c] = expf(x[c] - largest) * scale - (c == label ? operands.share : 0.0f);
  }
  const bool valid = label >= 0 && label < operands.classes;
  return logf(sum) - (valid ? x[label] - largest : NAN);
}

__global__ void __launch_bounds__(kThreads) wide_rows_kernel(Operands operands) {
  const int lane = threadIdx.x % kWarp;
  const int64_t n = (int64_t{blockIdx.x} * kThreads + threadIdx.x) / kWarp;
  float loss = 0;
  take_turn();
  pass_turn();
  operands.logits = after_turn(operands.logits);
  operands.labels = after_turn(operands.labels);
  if (n < operands.rows) loss = wide_row(operands, n, lane);
  add_to_mean(operands, lane == 0 ? loss : 0);
}

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

void launch(Operands operands) {
  const bool narrow = operands.classes <= kMostNarrow;
  const auto kernel = !narrow                  ? wide_rows_kernel
                      : operands.classes <= 16 ? narrow_rows_kernel<4>
                                               : narrow_rows_kernel<8>;
  const int64_t needed = operands.rows * (narrow ? kNarrowLanes : kWarp);
  const bool one_block = narrow && needed <= kOneBlockThreads;
  const int64_t threads = one_block ? divide_up(needed, kWarp) * kWarp : kThreads;
  const int64_t blocks = divide_up(needed, threads);
  const Tensor block_sums = Tensor::empty({blocks}, DType::float32, Device::gpu);
  operands.block_sums = block_sums.data<float>();
  launch_in_turn("softmax_cross_entropy", kernel,
                 {static_cast<unsigned>(blocks), static_cast<unsigned>(threads)}, operands);
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
      .block_sums = nullptr,
      .share = 1 / static_cast<float>(geometry.rows)};
  launch(operands);
}

}  // namespace strata::cuda
