// Launching a kernel so that its start overlaps the end of the one before it (CUDA's programmatic
// dependent launch, from Hopper on): once all blocks of that one have called pass_turn() or ended,
// blocks of this one are placed where there is room, and get as far as take_turn().
//
// What stands before take_turn() may set up shared memory and read what is settled. It writes
// nothing but a counter that only kernels write which never overlap. Settled is what was written
// before the kernel before this one began:
//
//   in a backward pass the weights, and the input that forward was given: the forward pass, which
//   lies between, has waited for them;
//   otherwise what is_settled() says.
#pragma once

#include <algorithm>
#include <source_location>

#include "ops/cuda/compiled_for.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/tensor.h"

namespace strata::cuda {

/// Called by every thread of every kernel that launch_in_turn() starts: a thread that returned
/// before might let its kernel end, and so the next begin, before the one before it has ended.
/// After it, everything queued earlier is done and can be read and overwritten.
__device__ inline void take_turn() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

/// A pointer to what earlier kernels wrote, for use after take_turn(). Needed where the compiler
/// may take the memory for constant (`const __restrict__`), and so move a load before the turn.
template <class T>
__device__ inline T* after_turn(T* pointer) {
  asm volatile("" : "+l"(pointer)::"memory");
  return pointer;
}

/// After take_turn(): in a forward pass when a block has begun the last of its work, in a backward
/// pass when it is all but done, since blocks that wait take room from kernels on other branches.
/// Before its own turn only by a kernel that reads nothing but what is_settled(): then that is so
/// for the next one, too.
__device__ inline void pass_turn() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

/// Whether a tensor may be read before the turn of the kernel that is launched next: a weight, or
/// an optimizer's state. Of what is booked as such, kernels that take turns write nothing unless
/// they say so (LaunchShape::settles); but for the metrics and the mark of divergence
/// (ops/step_state.h), about which nobody may ask here.
inline bool is_settled(const Tensor& tensor) {
  const MemoryUse use = tensor.use();
  return (use == MemoryUse::weights || use == MemoryUse::optimizer) && !settles_last();
}

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;
  int cluster = 1;       // blocks along x that share their memory; more than 1 from Hopper on
  bool settles = false;  // writes weights or an optimizer's state
  std::source_location where = std::source_location::current();
};

/// Shared memory for each of so many blocks, of which each needs `bytes`. Blocks that are placed
/// early go where the kernel before leaves room: two on one multiprocessor, while others stay idle.
/// Where there are two multiprocessors for each block, it takes more than half of one's memory.
inline size_t shared_bytes_apart(size_t bytes, int64_t blocks) {
  const auto half = static_cast<size_t>(device_info().shared_bytes + 1024) / 2;
  const bool apart = compiled_for(90) && 2 * blocks <= device_info().multiprocessors;
  return apart ? std::max(bytes, half) : bytes;
}

/// Queues a kernel that calls take_turn(). Throws `device`, with the name, for what CUDA refuses.
template <class... Parameters, class... Arguments>
void launch_in_turn(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
                    const Arguments&... arguments) {
  const auto [queue, overlaps] = stream_in_turn(shape.settles);
  cudaLaunchAttribute attributes[3] = {};
  unsigned count = 0;
  // The same for all kernels: a multiprocessor must be empty before it divides its memory anew.
  attributes[count].id = cudaLaunchAttributePreferredSharedMemoryCarveout;
  attributes[count++].val.sharedMemCarveout = cudaSharedmemCarveoutMaxShared;
  if (overlaps && compiled_for(90)) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (shape.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
  }
  const cudaLaunchConfig_t config{.gridDim = shape.grid,
                                  .blockDim = shape.block,
                                  .dynamicSmemBytes = shape.shared_bytes,
                                  .stream = queue,
                                  .attrs = attributes,
                                  .numAttrs = count};
  check_cuda(cudaLaunchKernelEx(&config, kernel, arguments...), name, shape.where);
  trace_launch(name, shape.where);
}

}  // namespace strata::cuda
