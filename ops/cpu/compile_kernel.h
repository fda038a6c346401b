// Compiles the file STRATA_KERNEL for each set of instructions, into namespaces
// strata::cpu::avx512, avx2 and baseline. Included once, at file scope, after every other header:
// those must not be compiled for more than the baseline.
#include <algorithm>
#include <cstdint>

#include "ops/cpu/target.h"

#ifdef __x86_64__
STRATA_BEGIN_TARGET("avx512f,avx512vl,avx512dq,avx512bw,fma")
namespace strata::cpu::avx512 {
constexpr int kLanes = 16;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::avx512
STRATA_END_TARGET

STRATA_BEGIN_TARGET("avx2,fma")
namespace strata::cpu::avx2 {
constexpr int kLanes = 8;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::avx2
STRATA_END_TARGET
#endif

namespace strata::cpu::baseline {
constexpr int kLanes = 4;
#include "ops/cpu/vector.inl"
#include STRATA_KERNEL
}  // namespace strata::cpu::baseline
