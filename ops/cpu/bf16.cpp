#include "ops/cpu/bf16.h"

#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/bf16.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
STRATA_CHOOSE_KERNEL(widen, const Widening&)
STRATA_CHOOSE_KERNEL(narrow, const Narrowing&)
STRATA_CHOOSE_KERNEL(pair_rows, const Pairing&)
}  // namespace strata::cpu
