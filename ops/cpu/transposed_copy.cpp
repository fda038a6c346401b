#include "ops/cpu/transposed_copy.h"

#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/transposed_copy.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
STRATA_CHOOSE_KERNEL(copy_transposed, const TransposedCopy&)
}  // namespace strata::cpu
