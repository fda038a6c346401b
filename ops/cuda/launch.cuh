// Launching a kernel so that its start overlaps the end of the one before it (CUDA's programmatic
// dependent launch, from Hopper on): its blocks are placed, and get as far as take_turn(), while
// the last blocks of the kernel before are still at work.
#pragma once

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {

/// The first statement of every kernel that launch_in_turn() starts. After it, everything queued
/// earlier is done and can be read and overwritten, and the next kernel's blocks may be placed as
/// soon as all blocks of this one have got here: as many as fit beside them.
///
/// All threads must get here. One that returned before might let its kernel end, and so the next
/// begin, before the one before it has ended.
///
/// What stands before it may set up shared memory and read what earlier kernels have waited for: a
/// backward pass's weights, which the forward pass has read. Nothing else, and it writes nothing.
__device__ inline void take_turn() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;
  int cluster = 1;  // blocks along x that share their memory; more than 1 from Hopper on
};

/// Queues a kernel that begins with take_turn(). Throws `device`, with the name, for what CUDA
/// refuses.
template <class... Parameters, class... Arguments>
void launch_in_turn(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
                    const Arguments&... arguments) {
  cudaLaunchAttribute attributes[3] = {};
  unsigned count = 0;
  // The same for all kernels: a multiprocessor must be empty before it divides its memory anew.
  attributes[count].id = cudaLaunchAttributePreferredSharedMemoryCarveout;
  attributes[count++].val.sharedMemCarveout = cudaSharedmemCarveoutMaxShared;
  if (device_info().compute_capability >= 90) {
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
                                  .stream = stream(),
                                  .attrs = attributes,
                                  .numAttrs = count};
  check_cuda(cudaLaunchKernelEx(&config, kernel, arguments...), name);
}

}  // namespace strata::cuda
