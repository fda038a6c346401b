// A thread a row, 128 rows a block, which spreads 8,192 rows over 64 multiprocessors.
//
// The count travels in the counter that says which block is last: one 64-bit atomic adds a block to
// its upper half and the block's right answers to its lower half. So the last block knows the sum
// from what the atomic gives back; nothing has to be written first, fenced and read again. The
// first block takes the mean of the losses, in an order that depends on their number alone.
#include <algorithm>

#include "ops/count_correct_kernels.h"
#include "ops/cuda/launch.cuh"
#include "ops/record_metrics_kernels.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;

struct Answers {
  const float* logits;
  const int32_t* labels;
  int64_t rows, classes;
};

struct Losses {
  const float* data;
  int64_t count;
};

struct Records {
  int64_t slots;
  const int32_t* step;
  float* losses;
  int32_t* correct;
  int32_t* diverged_at;
};

__device__ unsigned long long tally;  // blocks, right answers; 0 between launches

/// In thread 0 of a block, all threads of which call this.
__device__ float mean_of(const Losses& losses) {
  __shared__ double warp_sums[kWarps];
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < losses.count; i += kThreads) sum += losses.data[i];
  for (int distance = 16; distance > 0; distance /= 2)
    sum += __shfl_xor_sync(0xffffffff, sum, distance);
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = sum;
  __syncthreads();
  for (int warp = 1; warp < kWarps; ++warp) sum += warp_sums[warp];
  return static_cast<float>(sum / static_cast<double>(losses.count));
}

/// Called by all threads of one block.
__device__ void record_loss(const Losses& losses, const Records& records) {
  const float loss = mean_of(losses);
  if (threadIdx.x != 0) return;
  const int32_t step = *records.step;
  records.losses[step % records.slots] = loss;
  if (*records.diverged_at < 0 && !isfinite(loss)) *records.diverged_at = step;
}

__global__ void record_metrics_kernel(Answers answers, Losses losses, Records records) {
  const int64_t row = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  take_turn();
  pass_turn();
  const int right = __syncthreads_count(row < answers.rows &&
                                        is_classified_as(answers.logits + row * answers.classes,
                                                         answers.classes, answers.labels[row]));
  if (blockIdx.x == 0) record_loss(losses, records);
  if (threadIdx.x != 0) return;
  const unsigned long long before = atomicAdd(&tally, (1ull << 32) + static_cast<unsigned>(right));
  if (before >> 32 != gridDim.x - 1) return;
  tally = 0;
  records.correct[*records.step % records.slots] =
      static_cast<int32_t>(before & 0xffffffff) + right;
}

}  // namespace

void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                    ops::StepState& state, ops::StepMetrics& metrics) {
  const Answers answers{logits.data<float>(), labels.data<int32_t>(), logits.extent(0),
                        logits.extent(1)};
  const Records records{metrics.losses.size(), state.step.data<int32_t>(),
                        metrics.losses.data<float>(), metrics.correct.data<int32_t>(),
                        state.diverged_at.data<int32_t>()};
  const int64_t blocks = std::max<int64_t>((answers.rows + kThreads - 1) / kThreads, 1);
  launch_in_turn("record_metrics", record_metrics_kernel, {static_cast<unsigned>(blocks), kThreads},
                 answers, Losses{losses.data<float>(), losses.size()}, records);
}

}  // namespace strata::cuda
