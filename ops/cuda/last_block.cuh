// How one kernel does what would take a second one: the block that arrives last goes on alone.
#pragma once

namespace strata::cuda {

/// Called once by one thread of every block, after it has read and written what the last block
/// overwrites or uses; a thread that speaks for its block stands behind a barrier. The result is
/// for is_last(); until then the thread need not wait for it.
///
/// `arrivals` is a __device__ variable that belongs to one kernel and is 0 between launches: the
/// increment wraps around at the last block, so nothing has to set it back. Two launches of that
/// kernel must therefore not overlap, which the one stream of the process grants after a kernel's
/// turn (launch.cuh), and before it to a kernel whose end nothing settled may be read before.
__device__ inline unsigned arrive(unsigned* arrivals) {
  __threadfence();
  return atomicInc(arrivals, gridDim.x - 1);
}

/// Whether all other blocks had arrived; if so, this thread sees what they wrote.
__device__ inline bool is_last(unsigned arrival) {
  if (arrival != gridDim.x - 1) return false;
  __threadfence();
  return true;
}

}  // namespace strata::cuda
