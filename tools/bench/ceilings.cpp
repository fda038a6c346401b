#include "tools/bench/ceilings.h"

#include "tools/bench/gpu.h"

namespace strata::bench {

std::optional<double> Ceilings::flops_at(Precision precision) const {
  switch (precision) {
    case Precision::fp32:
      return fp32_flops;
    case Precision::tf32:
      return tf32_flops;
  }
  return bf16_flops;
}

Ceilings measure_ceilings() {
  Ceilings ceilings;
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
  return ceilings;
}

std::optional<Floor> floor_of(const Work& work, Precision precision, const Ceilings& ceilings) {
  std::optional<Floor> floor;
  const auto at_least = [&](std::optional<double> seconds, const char* bound) {
    if (seconds && (!floor || *seconds > floor->seconds)) floor = Floor{*seconds, bound};
  };
  const auto over = [](double amount, std::optional<double> rate) -> std::optional<double> {
    if (!rate) return std::nullopt;
    return amount / *rate;
  };
  at_least(ceilings.node_seconds, "node");
  const bool in_l2 = work.bytes <= static_cast<double>(ceilings.l2_bytes) / 2;
  at_least(over(work.bytes, in_l2 ? ceilings.l2_copy_rate : ceilings.copy_rate),
           in_l2 ? "L2" : "memory");
  at_least(over(work.flops, ceilings.flops_at(precision)), "arithmetic");
  return floor;
}

}  // namespace strata::bench
