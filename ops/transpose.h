// Permutes axes: y has extent x.extent(axes[k]) on axis k, and
//
//   y[i_0, ..., i_n] = x[j]  with  j[axes[k]] = i_k
//   dL/dx = g, permuted by the inverse
//
// A copy: tensors are always contiguous.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace strata::ops {

/// `axes` names each axis of the input once; empty reverses their order, so that a matrix becomes
/// its transpose. Any dtype. Throws `invalid_argument` when `axes` is no permutation.
Tensor transpose(const Tensor& input, const std::vector<int>& axes = {});

}  // namespace strata::ops
