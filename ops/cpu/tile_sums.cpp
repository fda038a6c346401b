#include "ops/cpu/tile_sums.h"

#include "ops/cpu/instructions.h"

#define STRATA_KERNEL "ops/cpu/tile_sums.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
STRATA_CHOOSE_KERNEL(add_tiles, const TileSums&)
}  // namespace strata::cpu
