#include "tools/bench/ceilings.h"

#include "tensor/build_config.h"
#include "tools/bench/gpu.h"

namespace strata::bench {

namespace {

/// A figure that this machine may not be able to give, with the reason.
template <class Measure, class... Arguments>
std::optional<double> attempt(Ceilings& ceilings, const char* name, const Measure& measure,
                              Arguments... arguments) {
  std::string why_not;
  const std::optional<double> value = measure(arguments..., why_not);
  if (!value) ceilings.missing[name] = why_not;
  return value;
}

}  // namespace

Ceilings measure_rates() {
  Ceilings ceilings;
  if constexpr (kHasCuda) {
    ceilings.l2_bytes = gpu::l2_cache_bytes();
    ceilings.copy_rate = gpu::measure_copy_rate();
    ceilings.l2_copy_rate = gpu::measure_l2_copy_rate();
    ceilings.fp32_flops = gpu::measure_fp32_flops();
    ceilings.node_seconds = gpu::measure_node_seconds();
    ceilings.tf32_flops =
        attempt(ceilings, "tf32_flops", gpu::measure_product_flops, gpu::ProductType::tf32);
    ceilings.bf16_flops =
        attempt(ceilings, "bf16_flops", gpu::measure_product_flops, gpu::ProductType::bf16);
  }
  return ceilings;
}

Ceilings measure_ceilings() {
  Ceilings ceilings = measure_rates();
  if constexpr (kHasCuda)
    ceilings.while_turn_seconds =
        attempt(ceilings, "while_turn_seconds", gpu::measure_while_turn_seconds);
  return ceilings;
}

}  // namespace strata::bench
