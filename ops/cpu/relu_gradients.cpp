#include "ops/cpu/relu_gradients.h"

#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/relu_gradients.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
STRATA_CHOOSE_KERNEL(relu_gradients, const ReluGradients&)
}  // namespace strata::cpu
