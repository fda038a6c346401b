// Reading and writing activations as they are stored: float32, or bfloat16, which kernels widen
// when they load it (a bfloat16 is exact in float32 and in TF32) and round to when they store.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>
#include <type_traits>

#include "tensor/bfloat16.h"

namespace strata::cuda {

inline __device__ uint32_t bfloat16_pair(float lower, float upper) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(lower, upper);
  return uint32_t{__bfloat16_as_ushort(pair.y)} << 16 | __bfloat16_as_ushort(pair.x);
}
/// The two of a register that bfloat16_pair has made.
inline __device__ float lower_of(uint32_t pair) {
  return __uint_as_float(pair << 16);
}
inline __device__ float upper_of(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000);
}

template <class T>
__device__ T stored_as(float value) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
  else
    return value;
}

/// Four neighbours, aligned as one.
inline __device__ float4 load4(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}
inline __device__ float4 load4(const BFloat16* from) {
  const uint2 pairs = *reinterpret_cast<const uint2*>(from);
  return {lower_of(pairs.x), upper_of(pairs.x), lower_of(pairs.y), upper_of(pairs.y)};
}
inline __device__ void store4(float* to, const float4& v) {
  *reinterpret_cast<float4*>(to) = v;
}
inline __device__ void store4(BFloat16* to, const float4& v) {
  *reinterpret_cast<uint2*>(to) = {bfloat16_pair(v.x, v.y), bfloat16_pair(v.z, v.w)};
}
inline __device__ void store2(float* to, float first, float second) {
  *reinterpret_cast<float2*>(to) = {first, second};
}
inline __device__ void store2(BFloat16* to, float first, float second) {
  *reinterpret_cast<uint32_t*>(to) = bfloat16_pair(first, second);
}

}  // namespace strata::cuda
