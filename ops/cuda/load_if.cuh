// A load that happens only under a condition, without a branch.
#pragma once

namespace strata::cuda {

/// *address where `condition` holds, otherwise 0 without reading; `address` may then be anything.
///
/// The compiler turns `condition ? *address : 0` into a branch around each load, which makes a warp
/// wait at every one of them; a predicated instruction lets all loads of a loop be under way at
/// once.
inline __device__ float load_if(bool condition, const float* address) {
  float value;
  asm volatile(
      "{\n"
      "  .reg .pred wanted;\n"
      "  setp.ne.s32 wanted, %2, 0;\n"
      "  mov.f32 %0, 0f00000000;\n"
      "  @wanted ld.global.f32 %0, [%1];\n"
      "}"
      : "=&f"(value)
      : "l"(__cvta_generic_to_global(address)), "r"(static_cast<int>(condition))
      : "memory");
  return value;
}

}  // namespace strata::cuda
