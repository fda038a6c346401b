// Compiles the file STRATA_KERNEL for each set of instructions, into namespaces
// strata::cpu::avx512, avx2 and baseline. Included once, at file scope, after every other header:
// those must not be compiled for more than the baseline.
//
// Not by attributes of functions: GCC splits vectors that the baseline does not have before it
// inlines a function into one that has them.
#include <algorithm>
#include <cstdint>

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,prefer-vector-width=512")
#endif
namespace strata::cpu::avx512 {
constexpr int kLanes = 16;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::avx512
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace strata::cpu::avx2 {
constexpr int kLanes = 8;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::avx2
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace strata::cpu::baseline {
constexpr int kLanes = 4;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::baseline
