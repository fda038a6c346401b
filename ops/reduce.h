// Sums, means and maxima over axes.
//
//   sum   y = sum_r x_r       dL/dx_r = g
//   mean  y = sum_r x_r / R   dL/dx_r = g / R
//   max   y = max_r x_r       dL/dx_r = g at the first maximum in row-major order, 0 elsewhere
//
// where r runs over the R positions along the reduced axes and g = dL/dy. A NaN counts as the
// maximum, so that it is not hidden. float32 sums are added up in blocks, in an order that depends
// on the shape alone: a million terms of one sign stay within 2e-5 of the exact sum, and two runs
// give the same bits, on any number of threads.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace strata::ops {

struct ReduceOptions {
  std::vector<int> axes = {};  // negative ones count from the last; empty: all axes
  bool keep_dims = false;      // the reduced axes stay, with extent 1
};

/// Throws `invalid_argument` when an axis is out of range or named twice; mean and max also when
/// there is nothing to reduce (the sum of nothing is 0).
Tensor sum(const Tensor& input, const ReduceOptions& options = {});
Tensor mean(const Tensor& input, const ReduceOptions& options = {});
Tensor max(const Tensor& input, const ReduceOptions& options = {});

}  // namespace strata::ops
