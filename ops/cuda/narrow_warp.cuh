// The pieces of kernels in which a warp computes the few outputs of a row: its lanes divide the
// inputs, and in the end lane l has output l % 16.
#pragma once

#include <cstdint>

#include "ops/cuda/element.cuh"
#include "ops/cuda/narrow_dense.h"

namespace strata::cuda {

inline constexpr unsigned kAllLanes = 0xffffffff;

/// kVector neighbouring elements, 4 only where they are aligned.
template <int kVector>
struct Floats {
  float at[kVector];
};

template <int kVector>
__device__ Floats<kVector> load(const float* address) {
  if constexpr (kVector == 4) {
    const float4 four = *reinterpret_cast<const float4*>(address);
    return {four.x, four.y, four.z, four.w};
  } else {
    return {*address};
  }
}

template <int kVector>
__device__ Floats<kVector> load(const BFloat16* address) {
  if constexpr (kVector == 4) {
    const uint2 pairs = *reinterpret_cast<const uint2*>(address);
    return {lower_of(pairs.x), upper_of(pairs.x), lower_of(pairs.y), upper_of(pairs.y)};
  } else {
    return {static_cast<float>(*address)};
  }
}

template <int kVector, class T>
__device__ void store(T* address, const Floats<kVector>& values) {
  if constexpr (kVector == 4)
    store4(address, {values.at[0], values.at[1], values.at[2], values.at[3]});
  else
    *address = stored_as<T>(values.at[0]);
}

/// Leaves one of 2 kHalf values with a lane, having exchanged the others for that one's parts in
/// the lanes that differ from it in the bits below 2 kHalf. A loop over halves would be the same,
/// but the compiler does not unroll it, and then picks each value by a row of comparisons.
template <int kHalf, int kValues>
__device__ void exchange_halves(float (&values)[kValues], int lane) {
  const bool upper = (lane & kHalf) != 0;
#pragma unroll
  for (int i = 0; i < kHalf; ++i) {
    const float given = upper ? values[i] : values[i + kHalf];
    const float kept = upper ? values[i + kHalf] : values[i];
    values[i] = kept + __shfl_xor_sync(kAllLanes, given, kHalf);
  }
  if constexpr (kHalf > 1) exchange_halves<kHalf / 2>(values, lane);
}

/// The sums of at most 16 values over the lanes of a warp; lane l gets that of value l % 16, or 0.
/// Each exchange, with the lane half as far away, halves the values that a lane still has to do
/// with, so 16 sums take 16 shuffles instead of 80.
template <int kValues>
__device__ float sum_across_lanes(const float (&given_values)[kValues]) {
  constexpr int kCount = static_cast<int>(kMaxNarrowOutputs);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float values[kCount] = {};
#pragma unroll
  for (int i = 0; i < kValues; ++i) values[i] = given_values[i];
  exchange_halves<kCount / 2>(values, lane);
#pragma unroll
  for (int distance = kCount; distance < 32; distance *= 2)
    values[0] += __shfl_xor_sync(kAllLanes, values[0], distance);
  return values[0];
}

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

/// Calls body(outputs) with a constant of at least that many.
template <class Body>
void with_outputs_of(int outputs, Body&& body) {
  if (outputs <= 4)
    body(Constant<4>());
  else if (outputs <= 8)
    body(Constant<8>());
  else if (outputs <= 12)
    body(Constant<12>());
  else
    body(Constant<16>());
}

/// Whether four neighbours from `address` on can be read as one.
template <class T>
bool four_at_once(const T* address) {
  return reinterpret_cast<uintptr_t>(address) % (4 * sizeof(T)) == 0;
}

}  // namespace strata::cuda
