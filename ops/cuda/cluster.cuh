// Blocks of one thread-block cluster reading each other's shared memory (compute capability 9.0
// on).
//
// A grid launched with clusters of n blocks runs blocks c n .. c n + n - 1 at the same time on
// neighbouring multiprocessors; `rank` is a block's place among its n. On older GPUs, where nothing
// is launched so, these compile to nothing.
#pragma once

#include <cstdint>

namespace strata::cuda {

/// Waits for every thread of the cluster; what they wrote to shared memory before is then visible
/// to all. A block whose memory others read must not end before they have passed another barrier.
inline __device__ void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// What stands in block `rank` at the place that `own` has in this block; aligned to 8 bytes.
inline __device__ float2 load_from_peer(const float* own, int rank) {
  float2 value{};
#if __CUDA_ARCH__ >= 900
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(own));
  asm volatile(
      "{\n"
      "  .reg .u32 peer;\n"
      "  mapa.shared::cluster.u32 peer, %2, %3;\n"
      "  ld.shared::cluster.v2.f32 {%0, %1}, [peer];\n"
      "}"
      : "=f"(value.x), "=f"(value.y)
      : "r"(address), "r"(rank)
      : "memory");
#endif
  return value;
}

}  // namespace strata::cuda
