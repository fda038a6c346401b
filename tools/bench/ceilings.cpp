#include "tools/bench/ceilings.h"

#include "tensor/build_config.h"
#include "tools/bench/gpu.h"

namespace strata::bench {

Ceilings measure_ceilings() {
  Ceilings ceilings;
  if constexpr (kHasCuda) {
    ceilings.l2_bytes = gpu::l2_cache_bytes();
    ceilings.copy_rate = gpu::measure_copy_rate();
    ceilings.l2_copy_rate = gpu::measure_l2_copy_rate();
    ceilings.fp32_flops = gpu::measure_fp32_flops();
    ceilings.node_seconds = gpu::measure_node_seconds();
    const auto product = [&](const char* name, gpu::ProductType type) {
      std::string why_not;
      const std::optional<double> flops = gpu::measure_product_flops(type, why_not);
      if (!flops) ceilings.missing[name] = why_not;
      return flops;
    };
    ceilings.tf32_flops = product("tf32_flops", gpu::ProductType::tf32);
    ceilings.bf16_flops = product("bf16_flops", gpu::ProductType::bf16);
  }
  return ceilings;
}

}  // namespace strata::bench
