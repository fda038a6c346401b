// Loops that do nothing but multiply and add, on numbers that never leave the registers: as fast as
// this processor can.
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "tensor/parallel.h"
#include "tools/bench/cpu.h"
#include "tools/bench/cpu/best_seconds.h"

namespace strata::bench::cpu {
namespace {

constexpr int kRounds = 1 << 14;  // of one call, some 50 us

struct Operands {
  float factor, term;
  float* never;  // written if the result is -1, which it is not: the compiler cannot know
};

template <int kLanes>
struct VectorOf {
  using Type __attribute__((vector_size(kLanes * sizeof(float)))) = float;
};

// Each chain waits about 4 cycles for its last sum, and a core starts up to two a cycle: 8 chains
// would do; with more, unlucky scheduling costs nothing.
template <int kLanes, int kChains>
[[gnu::always_inline]] inline void multiply_add(const Operands& operands) {
  using Vector = typename VectorOf<kLanes>::Type;
  Vector sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vector{} + static_cast<float>(i);
  const Vector factor = Vector{} + operands.factor, term = Vector{} + operands.term;
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + term;
  }
  Vector total{};
  for (int i = 0; i < kChains; ++i) total += sums[i];
  if (total[0] == -1.0f) *operands.never = total[0];
}

/// One compilation of a loop.
struct Variant {
  std::string_view name;
  double flops;  // of one call
  void (*run)(const Operands&);
};

constexpr double flops_of(int lanes, int chains) {
  return 2.0 * lanes * chains * kRounds;
}

// The chains leave registers for both operands.
#ifdef __x86_64__
[[gnu::target("avx512f,fma,prefer-vector-width=512")]] void multiply_add_avx512(
    const Operands& operands) {
  multiply_add<16, 16>(operands);
}

[[gnu::target("avx2,fma")]] void multiply_add_avx2(const Operands& operands) {
  multiply_add<8, 12>(operands);
}

// vdpbf16ps: two products a lane.
constexpr int kPairs = 16, kPairChains = 16;
[[gnu::target("avx512f,avx512bf16,prefer-vector-width=512")]] void multiply_add_bf16(
    const Operands& operands) {
  __m512 sums[kPairChains];
  for (int i = 0; i < kPairChains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(operands.factor),
                                              _mm512_set1_ps(operands.factor)),
                 term = _mm512_cvtne2ps_pbh(_mm512_set1_ps(operands.term),
                                            _mm512_set1_ps(operands.term));
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kPairChains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], factor, term);
  }
  __m512 total{};
  for (int i = 0; i < kPairChains; ++i) total += sums[i];
  if (total[0] == -1.0f) *operands.never = total[0];
}
#endif

void multiply_add_baseline(const Operands& operands) {
  multiply_add<4, 12>(operands);
}

Variant best_variant() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f")) return {"AVX-512", flops_of(16, 16), multiply_add_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"AVX2", flops_of(8, 12), multiply_add_avx2};
#endif
  return {"the baseline's", flops_of(4, 12), multiply_add_baseline};
}

double measure_flops(const Variant& variant) {
  constexpr int64_t kCallsAThread = 16;  // some 0.8 ms: starting the threads is lost in it
  const int64_t calls = kCallsAThread * thread_count();
  const double seconds = best_seconds([&] {
    parallel_for(calls, 1, [&](int64_t begin, int64_t end) {
      float never = 0;
      for (int64_t call = begin; call < end; ++call) variant.run({0.5f, 1.0f, &never});
    });
  });
  return static_cast<double>(calls) * variant.flops / seconds;
}

}  // namespace

std::string_view multiply_add_instructions() {
  return best_variant().name;
}

double measure_fp32_flops() {
  return measure_flops(best_variant());
}

std::optional<double> measure_bf16_flops(std::string& why_not) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bf16"))
    return measure_flops({"AVX-512", 2 * flops_of(kPairs, kPairChains), multiply_add_bf16});
#endif
  why_not = "this processor has no products of bfloat16";
  return std::nullopt;
}

}  // namespace strata::bench::cpu
