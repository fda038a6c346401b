#include "tools/bench/ceilings.h"

namespace strata::bench {

std::optional<double> Ceilings::flops_at(Precision precision) const {
  switch (precision) {
    case Precision::fp32:
      return fp32_flops;
    case Precision::tf32:
      return tf32_flops;
    case Precision::bf16:
      return bf16_flops;
  }
  return std::nullopt;
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
