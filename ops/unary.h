// Elementwise functions of one tensor.
//
//   negate  y = -x                 dL/dx = -g
//   exp     y = e^x                dL/dx = g y
//   log     y = ln x               dL/dx = g / x
//   sqrt    y = x^(1/2)            dL/dx = g / (2 y)
//   relu    y = max(x, 0)          dL/dx = g [y > 0]        (0 at x = 0)
//   sigmoid y = 1 / (1 + e^-x)     dL/dx = g y (1 - y)
//   tanh    y = tanh x             dL/dx = g (1 - y^2)
//   gelu    y = x P(X <= x), X standard normal: x/2 (1 + erf(x / sqrt 2))
//           dL/dx = g (P(X <= x) + x e^(-x^2 / 2) / sqrt(2 pi))
//           Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.
//
// where g = dL/dy. Any shape; float32 or float64; the result has the input's shape.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

Tensor negate(const Tensor& input);
Tensor exp(const Tensor& input);
Tensor log(const Tensor& input);
Tensor sqrt(const Tensor& input);
Tensor relu(const Tensor& input);
Tensor sigmoid(const Tensor& input);
Tensor tanh(const Tensor& input);
Tensor gelu(const Tensor& input);

}  // namespace strata::ops
