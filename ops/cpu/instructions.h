// Which of a processor's vector instructions the CPU kernels use. A kernel is written once, on
// vectors of kLanes numbers, and compiled several times into the same binary:
//
//   template <int kLanes>
//   [[gnu::always_inline]] inline void scale_body(const Scaling& work) { ... }
//   STRATA_COMPILE_KERNEL(scale, const Scaling&, scale_body, 16, 8, 4)
//
// defines scale(work), which runs the compilation for the instructions in use. Everything that the
// body calls must be inlined into it, or it is compiled for the baseline only.
#pragma once

#include <cstdint>
#include <string_view>

namespace strata {

/// Each includes those before it. `baseline` is what every processor of the architecture has: SSE2
/// on x86-64, Advanced SIMD on 64-bit Arm. `avx512_bf16` has products of bfloat16.
enum class Instructions { baseline, avx2, avx512, avx512_bf16 };

/// Those in use: the processor's best, unless use_instructions() said otherwise.
Instructions instructions();
/// The processor's best.
Instructions best_instructions();
/// Throws `usage` where the processor does not have them. Not to be called while a kernel runs.
void use_instructions(Instructions chosen);

std::string_view name_of(Instructions instructions);

namespace cpu {
/// Tells the x-ray which instructions a kernel was compiled for.
void note_instructions();
}  // namespace cpu

}  // namespace strata

#ifdef __x86_64__
#define STRATA_COMPILE_KERNEL(name, Argument, body, lanes_avx512, lanes_avx2, lanes_baseline) \
  [[gnu::target(                                                                              \
      "avx512f,avx512vl,avx512dq,avx512bw,fma,f16c,prefer-vector-width=512")]] static void    \
      name##_avx512(Argument argument) {                                                      \
    body<lanes_avx512>(argument);                                                             \
  }                                                                                           \
  [[gnu::target("avx2,fma")]] static void name##_avx2(Argument argument) {                    \
    body<lanes_avx2>(argument);                                                               \
  }                                                                                           \
  static void name##_baseline(Argument argument) {                                            \
    body<lanes_baseline>(argument);                                                           \
  }                                                                                           \
  void name(Argument argument) {                                                              \
    const ::strata::Instructions chosen = ::strata::instructions();                           \
    if (chosen >= ::strata::Instructions::avx512) return name##_avx512(argument);             \
    if (chosen == ::strata::Instructions::avx2) return name##_avx2(argument);                 \
    name##_baseline(argument);                                                                \
  }
#else
#define STRATA_COMPILE_KERNEL(name, Argument, body, lanes_avx512, lanes_avx2, lanes_baseline) \
  void name(Argument argument) {                                                              \
    body<lanes_baseline>(argument);                                                           \
  }
#endif
