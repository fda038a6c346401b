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
    const auto attempt = [&](const char* name, const auto& measure, auto... arguments) {
      std::string why_not;
      const std::optional<double> value = measure(arguments..., why_not);
      if (!value) ceilings.missing[name] = why_not;
      return value;
    };
    ceilings.while_turn_seconds = attempt("while_turn_seconds", gpu::measure_while_turn_seconds);
    ceilings.tf32_flops = attempt("tf32_flops", gpu::measure_product_flops, gpu::ProductType::tf32);
    ceilings.bf16_flops = attempt("bf16_flops", gpu::measure_product_flops, gpu::ProductType::bf16);
  }
  return ceilings;
}

}  // namespace strata::bench
