// Pooling over windows of an NHWC image.
//
//   max:      y[n,p,q,c] = max over the window of x[n,h,w,c]
//             dL/dx[n,h,w,c] = sum of g[n,p,q,c] over the windows whose maximum is at (h, w); of
//             several equal maxima the first in row-major order counts (cuDNN leaves the choice
//             open); NaN where the window holds one
//   average:  y[n,p,q,c] = mean over the window of x[n,h,w,c], padding not counted
//             dL/dx[n,h,w,c] = sum of g[n,p,q,c] / (elements counted) over the windows around (h, w)
#pragma once

#include "ops/window.h"
#include "tensor/tensor.h"

namespace strata::ops {

struct Pool2dOptions {
  Extent2d window = {2, 2};
  /// 0 means the window's extent.
  Extent2d stride = {0, 0};
  Padding padding = {};
};

/// `input` (N, H, W, C); the result is (N, P, Q, C) with extents as for conv2d. Throws
/// `invalid_argument` when the rank or the window does not fit, or a padding reaches the window's
/// extent (a window of nothing but padding has no maximum and no mean).
Tensor max_pool2d(const Tensor& input, const Pool2dOptions& options = {});
Tensor avg_pool2d(const Tensor& input, const Pool2dOptions& options = {});

}  // namespace strata::ops
