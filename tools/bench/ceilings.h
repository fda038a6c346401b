// What the card can do at most, measured on it, and how far an op is from it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "ops/settings.h"
#include "tools/bench/work.h"

namespace strata::bench {

struct Ceilings {
  std::optional<double> copy_rate = {}, l2_copy_rate = {};  // bytes read plus written a second
  std::optional<double> fp32_flops = {}, tf32_flops = {}, bf16_flops = {};
  std::optional<double> node_seconds = {};  // a dependent node of a graph that does nothing
  // A turn of a graph's while node, its kernels left out. No floor: steps are unrolled instead.
  std::optional<double> while_turn_seconds = {};
  size_t l2_bytes = 0;
  std::map<std::string, std::string> missing = {};  // why: "tf32_flops": "cuBLASLt ..."

  /// Of products at a precision.
  std::optional<double> flops_at(Precision precision) const;
};

/// On the GPU; takes about a second.
Ceilings measure_ceilings();
/// Without what floor_of() does not read.
Ceilings measure_rates();

/// The least time that the ceilings leave for some work, and which of them it is.
struct Floor {
  double seconds = 0;
  std::string bound;  // "memory", "L2", "arithmetic", "node"
};

/// The longest of: its bytes at the rate of the memory (of the L2 cache, where they fill at most
/// half of it and so are likely to be there), its FLOP at the rate of the precision, one node.
/// Nothing when no ceiling is known.
std::optional<Floor> floor_of(const Work& work, Precision precision, const Ceilings& ceilings);

}  // namespace strata::bench
