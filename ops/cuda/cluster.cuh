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
/// to all.
inline __device__ void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// Waits until every thread of the cluster has read what it wants of the others' shared memory,
/// which a block takes with it when it ends. Does not wait for stores, as cluster_barrier() does.
inline __device__ void cluster_leave() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
#endif
}

/// What stands in block `rank` at the place that `own` has in this block; aligned to 16 bytes.
inline __device__ float4 load_from_peer(const float* own, int rank) {
  float4 value{};
#if __CUDA_ARCH__ >= 900
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(own));
  asm volatile(
      "{\n"
      "  .reg .u32 peer;\n"
      "  mapa.shared::cluster.u32 peer, %4, %5;\n"
      "  ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [peer];\n"
      "}"
      : "=f"(value.x), "=f"(value.y), "=f"(value.z), "=f"(value.w)
      : "r"(address), "r"(rank)
      : "memory");
#endif
  return value;
}

}  // namespace strata::cuda
