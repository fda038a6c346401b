// Adds one number per channel: y[..., c] = x[..., c] + b[c].
//
//   dL/dx = g,   dL/db[c] = sum of g[..., c] over all other axes
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// `input` (..., C), `bias` (C). Throws `invalid_argument` when extents, dtypes or devices differ.
Tensor bias_add(const Tensor& input, const Tensor& bias);

}  // namespace strata::ops
