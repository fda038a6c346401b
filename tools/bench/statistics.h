// What is said of repeated measurements: the middle and the spread.
#pragma once

#include <algorithm>
#include <vector>

namespace strata::bench {

struct Spread {
  double median = 0, low = 0, high = 0;  // of an even number the median is the middle two's mean
};

/// `values` must not be empty.
inline Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
          .low = values.front(),
          .high = values.back()};
}

}  // namespace strata::bench
