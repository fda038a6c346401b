// The sum of what the blocks of a grid have computed, made by the same kernel and always in the
// same order.
//
// A block writes its part to memory and counts itself in; the last one of each sixteen to do so
// adds their parts, and the last of those adds the sums. Which block is last is chance; the order
// of the additions is not. Two short rounds beat one long one: one multiprocessor reads some 64
// bytes per cycle, so that the parts of 264 blocks would take it longer than all the rest.
#pragma once

#include <cstdint>

namespace strata::cuda {

inline constexpr int kBlocksPerSum = 16;
inline constexpr int kMaxSums = 64;    // groups of sixteen, of one blockIdx.y
inline constexpr int kMaxSumRows = 4;  // blockIdx.y
inline constexpr int kSumSlots = 64;

inline int groups_of_blocks(int blocks) {
  return (blocks + kBlocksPerSum - 1) / kBlocksPerSum;
}

/// Floats of memory that sum_blocks wants for parts of `count` floats.
inline int64_t sum_blocks_floats(int blocks, int rows, int count) {
  return int64_t{blocks + groups_of_blocks(blocks)} * rows * count;
}

/// Counters at zero, for one launch; each count ends at zero again. Kernels that run side by side,
/// in branches of a graph, need slots of their own: launches take them in turn, so that two meet
/// in one only if 64 launches of kernels of this file lie between them.
inline int next_sum_slot() {
  static int next = 0;
  return next++ % kSumSlots;
}

static __device__ unsigned sum_counters[kSumSlots][kMaxSumRows][1 + kMaxSums];

/// True in all threads of the last of `blocks` blocks that come here. What the others wrote to
/// memory before is then visible through __ldcg.
__device__ inline bool is_last_block(unsigned* counter, unsigned blocks) {
  __shared__ bool last;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();  // covers what the barrier has shown this thread, not only what it wrote
    last = atomicInc(counter, blocks - 1) == blocks - 1;
    __threadfence();
  }
  __syncthreads();
  return last;
}

__device__ inline float sum_parts(const float* parts, int stride, int count) {
  float sum = 0;
#pragma unroll 8
  for (int part = 0; part < count; ++part) sum += __ldcg(parts + part * stride);
  return sum;
}

/// Where a block writes its `count` floats before it calls sum_blocks.
__device__ inline float* part_of_block(float* memory, int count) {
  return memory + (blockIdx.y * gridDim.x + blockIdx.x) * count;
}

/// For each blockIdx.y and each i below `count`: sink(i, sum over blockIdx.x of part[i]), called by
/// one block.
template <class Sink>
__device__ void sum_blocks(float* memory, int count, int slot, const Sink& sink) {
  const int blocks = static_cast<int>(gridDim.x), row = static_cast<int>(blockIdx.y);
  const int groups = (blocks + kBlocksPerSum - 1) / kBlocksPerSum;
  const int group = static_cast<int>(blockIdx.x) / kBlocksPerSum;
  const int members = min(kBlocksPerSum, blocks - group * kBlocksPerSum);
  unsigned* counters = sum_counters[slot][row];
  if (!is_last_block(counters + 1 + group, members)) return;

  const float* parts = memory + (row * blocks + group * kBlocksPerSum) * count;
  float* sums = memory + (static_cast<int>(gridDim.y) * blocks + row * groups) * count;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const float sum = sum_parts(parts + i, count, members);
    if (groups == 1)
      sink(i, sum);
    else
      sums[group * count + i] = sum;
  }
  if (groups == 1 || !is_last_block(counters, groups)) return;
  for (int i = threadIdx.x; i < count; i += blockDim.x) sink(i, sum_parts(sums + i, count, groups));
}

}  // namespace strata::cuda
