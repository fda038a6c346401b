#include "ops/cpu/instructions.h"

#include "tensor/error.h"
#include "tensor/trace.h"

namespace strata {
namespace {

Instructions find_best() {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return Instructions::baseline;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512bw"))
    return Instructions::avx2;
  return __builtin_cpu_supports("avx512bf16") ? Instructions::avx512_bf16 : Instructions::avx512;
#else
  return Instructions::baseline;
#endif
}

Instructions& in_use() {
  static Instructions chosen = best_instructions();
  return chosen;
}

}  // namespace

Instructions best_instructions() {
  static const Instructions best = find_best();
  return best;
}

Instructions instructions() {
  return in_use();
}

void use_instructions(Instructions chosen) {
  if (chosen > best_instructions())
    fail(ErrorKind::usage, "this processor has no {}; its best is {}", name_of(chosen),
         name_of(best_instructions()));
  in_use() = chosen;
}

std::string_view name_of(Instructions instructions) {
  constexpr std::string_view kNames[] = {"baseline", "avx2", "avx512", "avx512_bf16"};
  return kNames[static_cast<int>(instructions)];
}

std::optional<Instructions> instructions_named(std::string_view name) {
  for (const auto candidate : {Instructions::baseline, Instructions::avx2, Instructions::avx512,
                               Instructions::avx512_bf16})
    if (name_of(candidate) == name) return candidate;
  return std::nullopt;
}

namespace cpu {
void note_instructions() {
  trace_note("instructions", name_of(instructions()));
}
}  // namespace cpu

}  // namespace strata
