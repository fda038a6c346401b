// Division by a number that is known before the launch: a multiplication and a shift instead of the
// some twenty instructions of an integer division. Index arithmetic of convolutions lives on it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace strata::cuda {

/// n / divisor for 0 <= n < 2^31: Granlund and Montgomery, "Division by invariant integers using
/// multiplication", 1994, figure 4.1. With l = ceil(log2 d) and
///
///   m = floor(2^32 (2^l - d) / d) + 1:   n / d = (high word of m n, plus n) >> l
///
/// where the sum cannot overflow, as n and so the high word are below 2^31.
class FastDivide {
 public:
  /// A divisor of 0 belongs to an empty tensor, for which nothing is ever divided: it becomes 1.
  explicit FastDivide(int64_t divisor) : divisor_(static_cast<int>(std::max<int64_t>(divisor, 1))) {
    const auto d = static_cast<uint64_t>(divisor_);
    while ((uint64_t{1} << shift_) < d) ++shift_;
    multiplier_ = static_cast<uint32_t>(((((uint64_t{1} << shift_) - d) << 32) / d) + 1);
  }

  struct Result {
    int quotient, remainder;
  };

  __device__ int quotient(int n) const {
    const auto dividend = static_cast<uint32_t>(n);
    return static_cast<int>((__umulhi(dividend, multiplier_) + dividend) >> shift_);
  }
  __device__ Result divide(int n) const {
    const int q = quotient(n);
    return {q, n - q * divisor_};
  }

 private:
  int divisor_;
  uint32_t multiplier_ = 0;
  int shift_ = 0;
};

}  // namespace strata::cuda
