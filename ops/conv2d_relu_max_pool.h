// A convolutional stage as one op: convolution, bias, 2 x 2 max-pooling and ReLU.
//
//   y = max(max_pool2d(conv2d(x, w) + b), 0)        windows of 2 x 2, stride 2, no padding
//
// The convolution's own output, four times the size of y, need not be written: what backward needs
// of it is which of a window's four pixels was the greatest and whether ReLU let it
// pass, one byte for each y. With k(n,p,q,k) that pixel and g' = g [y > 0]:
//
//   dL/dw = sum of g'[n,p,q,k] times the patch of x under k(n,p,q,k), and so on as for conv2d with
//   g' at k(n,p,q,k) and 0 at a window's other pixels.
//
// Equal to relu(max_pool2d(bias_add(conv2d(x, w), b))), which its test compares it with and which
// runs where no fused kernel serves: on the reference rung, and on the CPU for groups. Of several
// equal maxima the first in row-major order gets the gradient.
#pragma once

#include "ops/conv2d.h"
#include "tensor/tensor.h"

namespace strata::ops {

/// `input` (N, H, W, C), `weight` (K, R, S, C / groups), `bias` (K) or undefined; the result is
/// (N, floor(P / 2), floor(Q / 2), K) with P and Q as for conv2d. Throws `invalid_argument` as
/// conv2d, bias_add and max_pool2d do. Under Precision::bf16 the result is bfloat16, and `input` is
/// the result of such an op or an image of one or three channels that requires no gradient.
Tensor conv2d_relu_max_pool(const Tensor& input, const Tensor& weight, const Tensor& bias,
                            const Conv2dOptions& options = {});

}  // namespace strata::ops
