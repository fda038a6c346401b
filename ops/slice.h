// Cuts a box out of a tensor: y[i] = x[begin + i] for 0 <= i < size, along every axis.
//
//   dL/dx = g inside the box, 0 outside
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace strata::ops {

/// One entry of `begin` and `size` per axis; a size of -1 goes to the axis's end. A copy. Any
/// dtype. Throws `invalid_argument` when the box leaves the tensor.
Tensor slice(const Tensor& input, const std::vector<int64_t>& begin,
             const std::vector<int64_t>& size);

}  // namespace strata::ops
