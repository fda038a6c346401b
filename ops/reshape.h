// The same elements under another shape. The result is a view: it shares the input's memory.
//
//   dL/dx = g, reshaped back
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace strata::ops {

/// One of `extents` may be -1: what the number of elements leaves for it. Any dtype. Throws
/// `invalid_argument` when the numbers of elements differ.
Tensor reshape(const Tensor& input, const std::vector<int64_t>& extents);

}  // namespace strata::ops
