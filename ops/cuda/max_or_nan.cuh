// The greater of two numbers in one instruction (from Ampere on) that does not hide NaN.
#pragma once

namespace strata::cuda {

/// NaN where either is, so that it shows when a network diverges; fmaxf would drop it.
inline __device__ float max_or_nan(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  return a > b || a != a ? a : b;
#else
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
#endif
}

}  // namespace strata::cuda
