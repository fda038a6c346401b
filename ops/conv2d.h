// Two-dimensional convolution (cross-correlation, as in every framework), NHWC with KRSC filters.
//
//   y[n,p,q,k] = sum over r,s,c of x[n, p*stride + r*dilation - pad, q*..., g*C/G + c] w[k,r,s,c]
//
// where g = k / (K/G) is the group of output channel k, and x is 0 outside the image. Gradients:
//
//   dL/dx[n,h,w,c]  = sum over k,r,s with p*stride + r*dilation - pad = h (likewise w)
//                     of g[n,p,q,k] w[k,r,s,c]
//   dL/dw[k,r,s,c]  = sum over n,p,q of g[n,p,q,k] x[n, p*stride + r*dilation - pad, ..., c]
//
// Output extents: P = (H + pad_top + pad_bottom - (R - 1) * dilation - 1) / stride + 1.
// A bias is a separate op (bias_add).
#pragma once

#include "ops/window.h"
#include "tensor/tensor.h"

namespace strata::ops {

struct Conv2dOptions {
  Extent2d stride = {1, 1};
  Padding padding = {};
  Extent2d dilation = {1, 1};
  int64_t groups = 1;
};

/// `input` (N, H, W, C), `weight` (K, R, S, C / groups); the result is (N, P, Q, K). Throws
/// `invalid_argument` when ranks, channels, groups, dtypes or devices do not fit, or the window is
/// larger than the padded image.
Tensor conv2d(const Tensor& input, const Tensor& weight, const Conv2dOptions& options = {});

}  // namespace strata::ops
