// The fully connected layer as one op: product, bias and ReLU without intermediate tensors.
//
//   z = x W^T + b,   y = z or max(z, 0)
//   g' = g or g [y > 0]
//   dL/dx = g' W,   dL/dW = g'^T x,   dL/db = sum over rows of g'
//
// Equal to relu(bias_add(matmul(x, W, {.transpose_b = true}), b)), which its test compares it with.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

enum class Activation { none, relu };

/// `input` (N, I), `weight` (O, I), `bias` (O) or undefined; the result is (N, O). Throws
/// `invalid_argument` when extents, dtypes or devices do not fit. Under Precision::bf16 `input` may
/// be bfloat16, and with ReLU the result is.
Tensor dense(const Tensor& input, const Tensor& weight, const Tensor& bias,
             Activation activation = Activation::none);

}  // namespace strata::ops
