// Arithmetic on two tensors, element by element, with broadcasting.
//
//   add       c = a + b     dL/da = g          dL/db = g
//   subtract  c = a - b     dL/da = g          dL/db = -g
//   multiply  c = a b       dL/da = g b        dL/db = g a
//   divide    c = a / b     dL/da = g / b      dL/db = -g c / b
//
// where g = dL/dc. Shapes are aligned at their last axes; an extent of 1 and a missing axis are
// repeated to fit the other operand (NumPy's rule). The gradient of a repeated operand is the sum
// over the axes along which it was repeated.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// Operands of one floating dtype on one device. Throws `invalid_argument` when shapes do not
/// broadcast, or dtypes or devices differ.
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor multiply(const Tensor& a, const Tensor& b);
Tensor divide(const Tensor& a, const Tensor& b);

}  // namespace strata::ops
