// Whether two ways to compute one result agree: guards a measurement against fast wrong answers.
#pragma once

#include <string>

#include "tensor/tensor.h"

namespace strata::cuda {

class ResultCheck {
 public:
  /// Of `size` floats at `result` on the GPU. Results may differ by `tolerance` times the largest
  /// absolute value, at any element.
  ResultCheck(const float* result, int64_t size, double tolerance)
      : result_(result), size_(size), tolerance_(tolerance) {}

  /// What is there now is right.
  void keep();
  /// How what is there now differs from what was kept, in words; empty when it does not. Waits for
  /// the GPU.
  std::string objection() const;

 private:
  Tensor copy() const;

  const float* result_;
  int64_t size_;
  double tolerance_;
  Tensor expected_;
};

/// What rounding may do to the sums of a convolution or a product, of some million terms: float32
/// keeps 24 bits of a term and TF32 11.
double tolerance_of_sums(bool tf32);

}  // namespace strata::cuda
