// Which of a processor's vector instructions the CPU kernels use.
//
// A kernel is written once, in a file x.inl, on vectors of kLanes numbers (see ops/cpu/vector.inl),
// and compiled several times into the same binary. Its x.cpp is
//
//   #define STRATA_KERNEL "ops/cpu/x.inl"
//   #include "ops/cpu/compile_kernel.h"
//   STRATA_CHOOSE_KERNEL(x, const Work&)
//
// which defines x(work): it runs the compilation for the instructions in use.
#pragma once

#include <cstdint>
#include <optional>
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
inline constexpr std::string_view kInstructionsNames = "baseline|avx2|avx512|avx512_bf16";
/// Nothing for another name.
std::optional<Instructions> instructions_named(std::string_view name);

namespace cpu {
/// Tells the x-ray which instructions a kernel was compiled for.
void note_instructions();
}  // namespace cpu

}  // namespace strata

#ifdef __x86_64__
#define STRATA_CHOOSE_KERNEL(name, Argument)                                     \
  void name(Argument argument) {                                                 \
    const ::strata::Instructions chosen = ::strata::instructions();              \
    if (chosen >= ::strata::Instructions::avx512) return avx512::name(argument); \
    if (chosen == ::strata::Instructions::avx2) return avx2::name(argument);     \
    baseline::name(argument);                                                    \
  }
#else
#define STRATA_CHOOSE_KERNEL(name, Argument) \
  void name(Argument argument) {             \
    baseline::name(argument);                \
  }
#endif
