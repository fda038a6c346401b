// What the device can do at most, measured on it, and how far an op is from it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "ops/settings.h"
#include "tensor/device.h"
#include "tools/bench/work.h"

namespace strata::bench {

struct Ceilings {
  int threads = 0;  // of the CPU, all figures are theirs together; 0: a GPU
  // Bytes read plus written a second; a third level is the CPU's.
  std::optional<double> copy_rate = {}, l2_copy_rate = {}, l3_copy_rate = {};
  std::optional<double> fp32_flops = {}, tf32_flops = {}, bf16_flops = {};
  std::optional<double> node_seconds = {};  // a dependent node of a graph that does nothing
  // A turn of a graph's while node, its kernels left out. No floor: steps are unrolled instead.
  std::optional<double> while_turn_seconds = {};
  std::optional<double> parallel_seconds = {};  // a parallel_for with nothing to do
  std::string instructions = {};                // of the CPU's multiply-adds
  size_t l2_bytes = 0, l3_bytes = 0;
  std::map<std::string, std::string> missing = {};  // why: "tf32_flops": "cuBLASLt ..."

  /// Of products at a precision.
  std::optional<double> flops_at(Precision precision) const;
};

/// Takes about a second. Of the CPU with as many threads as are set.
Ceilings measure_ceilings(Device device);
/// Without what floor_of() does not read.
Ceilings measure_rates(Device device);

/// The least time that the ceilings leave for some work, and which of them it is.
struct Floor {
  double seconds = 0;
  std::string bound;  // "memory", "L2", "L3", "arithmetic", "node"
};

/// The longest of: its bytes at the rate of the memory (of a cache, where they fill at most half of
/// it and so are likely to be there), its FLOP at the rate of the precision, one node.
/// Nothing when no ceiling is known.
std::optional<Floor> floor_of(const Work& work, Precision precision, const Ceilings& ceilings);

}  // namespace strata::bench
