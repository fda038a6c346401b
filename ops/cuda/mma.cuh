// The tensor core's products of small tiles and the asynchronous copies that feed them: the only
// inline PTX of the kernels that use them.
//
// Each product is D += A B by one whole warp; every lane holds a part ("fragment") of A, B and D in
// registers. With group = lane / 4 and t = lane % 4 (the PTX ISA's groupID and threadID_in_group):
//
//   D   16 x 8, float32, all products       d[0] (group,     2 t)    d[1] (group,     2 t + 1)
//                                           d[2] (group + 8, 2 t)    d[3] (group + 8, 2 t + 1)
//   A   16 x 8, TF32, one per register      a[0] (group, t)          a[1] (group + 8, t)
//                                           a[2] (group, t + 4)      a[3] (group + 8, t + 4)
//   B   8 x 8, TF32, one per register       b[0] (t, group)          b[1] (t + 4, group)
//   A   16 x 8, bfloat16, two per register  a[0] (group, 2 t ..)     a[1] (group + 8, 2 t ..)
//   B   8 x 8, bfloat16, two per register   b    (2 t .., group)
//   A   16 x 16, bfloat16, two per register a[0] (group, 2 t ..)     a[1] (group + 8, 2 t ..)
//                                           a[2] (group, 2 t + 8 ..) a[3] (group + 8, 2 t + 8 ..)
//   B   16 x 8, bfloat16, two per register  b[0] (2 t .., group)     b[1] (2 t + 8 .., group)
//
// Positions are (row, column), for B (k, column). "2 t .." stands for 2 t in the lower half of the
// register and 2 t + 1 in its upper half: neighbours in k.
//
// Before Ampere (8.0) there is none of this: copies are plain ones, and products, which
// use_tensor_cores() keeps away from such GPUs, end the kernel with an error.
#pragma once

#include <cstdint>

namespace strata::cuda {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800

inline __device__ uint32_t to_tf32(float x) {
  return __float_as_uint(x);
}
inline __device__ void mma_tf32_16x8x8(float (&)[4], const uint32_t (&)[4], const uint32_t (&)[2]) {
  __trap();
}
inline __device__ void mma_bf16_16x8x8(float (&)[4], const uint32_t (&)[2], const uint32_t&) {
  __trap();
}
inline __device__ void mma_bf16_16x8x16(float (&)[4], const uint32_t (&)[4],
                                        const uint32_t (&)[2]) {
  __trap();
}
template <class Piece>
__device__ void copy_now(void* shared, const void* global, bool wanted) {
  *static_cast<Piece*>(shared) = wanted ? *static_cast<const Piece*>(global) : Piece{};
}
inline __device__ void copy_async_16(void* shared, const void* global, bool wanted) {
  copy_now<uint4>(shared, global, wanted);
}
inline __device__ void copy_async_8(void* shared, const void* global, bool wanted) {
  copy_now<uint2>(shared, global, wanted);
}
inline __device__ void copy_async_4(void* shared, const void* global, bool wanted) {
  copy_now<uint32_t>(shared, global, wanted);
}
inline __device__ void copy_async_commit() {}
template <int kLeft>
__device__ void copy_async_wait() {}

#else

/// The nearest TF32 (float32 with 10 bits of fraction), ties away from zero, as float32 bits.
inline __device__ uint32_t to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

/// d += a b for TF32 tiles with k = 8.
inline __device__ void mma_tf32_16x8x8(float (&d)[4], const uint32_t (&a)[4],
                                       const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// d += a b for bfloat16 tiles with k = 8.
inline __device__ void mma_bf16_16x8x8(float (&d)[4], const uint32_t (&a)[2], const uint32_t& b) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(b));
}

/// d += a b for bfloat16 tiles with k = 16.
inline __device__ void mma_bf16_16x8x16(float (&d)[4], const uint32_t (&a)[4],
                                        const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// The address of shared memory in the form that PTX's shared state space takes.
inline __device__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

/// Starts copying 16 bytes past L1 from `global` to `shared`, both aligned to 16 bytes; zeros, and
/// nothing read, unless `wanted`. Lands by the copy_async_wait that covers its group.
inline __device__ void copy_async_16(void* shared, const void* global, bool wanted) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(wanted ? 16 : 0)
               : "memory");
}

/// The same for 8 bytes aligned to 8, through L1.
inline __device__ void copy_async_8(void* shared, const void* global, bool wanted) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared_address(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(wanted ? 8 : 0)
               : "memory");
}

/// The same for 4 bytes aligned to 4, through L1.
inline __device__ void copy_async_4(void* shared, const void* global, bool wanted) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(wanted ? 4 : 0)
               : "memory");
}

/// Makes a group of the copies that this thread has started since the last group.
inline __device__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most the newest kLeft groups of this thread are under way. What other threads
/// copied is there only after a barrier that follows their waits.
template <int kLeft>
__device__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

#endif

}  // namespace strata::cuda
