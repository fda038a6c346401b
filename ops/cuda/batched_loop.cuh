// Filling shared memory from global memory.
#pragma once

namespace strata::cuda {

/// store(i, load(i)) for every i below `count`, by all kThreads threads of a block. A thread starts
/// kBatch loads before it waits for the first: one trip to memory takes half a microsecond, and a
/// block of a small problem has nothing else to do meanwhile.
template <int kBatch, int kThreads, class Load, class Store>
__device__ void batched_loop(int count, const Load& load, const Store& store) {
  for (int first = threadIdx.x; first < count; first += kBatch * kThreads) {
    decltype(load(0)) values[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (first + i * kThreads < count) values[i] = load(first + i * kThreads);
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (first + i * kThreads < count) store(first + i * kThreads, values[i]);
  }
}

}  // namespace strata::cuda
