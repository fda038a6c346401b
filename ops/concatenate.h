// Joins tensors along an axis, in their order.
//
//   dL/dx_k = the slice of g that x_k became
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace strata::ops {

/// At least one tensor; all of one dtype, on one device, with equal extents on the other axes.
/// Throws `invalid_argument` when they differ.
Tensor concatenate(const std::vector<Tensor>& inputs, int axis);

}  // namespace strata::ops
