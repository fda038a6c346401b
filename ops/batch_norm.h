// Batch normalisation over the last axis: each channel gets mean 0 and variance 1, then a learnt
// scale and shift. With m rows (all axes but the last) and the sums over them,
//
//   training:    mean = 1/m sum x,   variance = 1/m sum (x - mean)^2
//                running <- (1 - momentum) running + momentum * batch's value,
//                the variance as the unbiased m / (m - 1) * variance
//   evaluation:  mean and variance are the running ones
//
//   r = 1 / sqrt(variance + epsilon),   n = (x - mean) r,   y = scale n + shift
//
//   dL/dshift = sum g,   dL/dscale = sum g n
//   training:    dL/dx = scale r (g - 1/m dL/dshift - n/m dL/dscale)
//   evaluation:  dL/dx = scale r g
//
// Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithms 1 and 2 and the gradients of
// section 3, here with the mean's and the variance's gradients put into dL/dx.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;
  bool training = true;
};

/// `input` (N, C) or (N, H, W, C); `scale`, `shift`, `running_mean` and `running_variance` (C). In
/// training mode the running statistics are updated in place; they have no gradient. Throws
/// `invalid_argument` when shapes, dtypes or devices do not fit, epsilon is not above 0, momentum
/// is not in [0, 1], or a training batch has fewer than 2 rows, whose variance says nothing.
Tensor batch_norm(const Tensor& input, const Tensor& scale, const Tensor& shift,
                  Tensor& running_mean, Tensor& running_variance,
                  const BatchNormOptions& options = {});

}  // namespace strata::ops
