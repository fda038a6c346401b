// The greater of two numbers in one instruction that does not hide NaN.
#pragma once

namespace strata::cuda {

/// NaN where either is, so that it shows when a network diverges; fmaxf would drop it.
inline __device__ float max_or_nan(float a, float b) {
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}

}  // namespace strata::cuda
