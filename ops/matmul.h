// The matrix product.
//
//   C = op(A) op(B),   op(X) = X or X^T        C[i][j] = sum_k op(A)[i][k] op(B)[k][j]
//   without transposes: dA = G B^T,  dB = A^T G        (G = dL/dC)
//   A transposed:       dA = B G^T,  dB = A G          (and so on: see matmul.cpp)
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};

/// `a` (..., M, K) or, transposed, (..., K, M); `b` (..., K, N) or, transposed, (..., N, K); the
/// result is (..., M, N). Leading axes must be equal in both: they count independent products.
/// Throws `invalid_argument` when inner extents, leading axes, dtypes or devices differ.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});

}  // namespace strata::ops
