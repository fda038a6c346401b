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
  const auto fits = [&](size_t cache) { return work.bytes <= static_cast<double>(cache) / 2; };
  if (fits(ceilings.l2_bytes))
    at_least(over(work.bytes, ceilings.l2_copy_rate), "L2");
  else if (fits(ceilings.l3_bytes))
    at_least(over(work.bytes, ceilings.l3_copy_rate), "L3");
  else
    at_least(over(work.bytes, ceilings.copy_rate), "memory");
  at_least(over(work.flops, ceilings.flops_at(precision)), "arithmetic");
  return floor;
}

}  // namespace strata::bench
