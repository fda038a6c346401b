// What the host spends: on an op before its kernel runs, on an allocation, on launching a graph.
// With Google Benchmark; in a build without it nothing is defined, and nothing calls it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/device.h"

namespace strata::bench {

struct HostResult {
  std::string name;  // "relu of one number, recorded"
  double seconds = 0, cpu_seconds = 0;
  int64_t iterations = 0;
};

inline constexpr bool kHasGoogleBenchmark = STRATA_HAS_GOOGLE_BENCHMARK;

/// `seconds` is the least time spent on each.
std::vector<HostResult> measure_host(Device device, double seconds);

}  // namespace strata::bench
