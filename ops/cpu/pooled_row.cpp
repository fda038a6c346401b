#include "ops/cpu/pooled_row.h"

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/pooled_row.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
STRATA_CHOOSE_KERNEL(pool_row, const PooledRow&)
STRATA_CHOOSE_KERNEL(open_gradients, const OpenGradients&)
}  // namespace strata::cpu
