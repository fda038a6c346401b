// Softmax over the last axis.
//
//   softmax:      y_i = e^(x_i - m) / sum_j e^(x_j - m),  m = max_j x_j
//                 dL/dx_i = y_i (g_i - sum_j g_j y_j)
//   log_softmax:  y_i = x_i - m - ln sum_j e^(x_j - m)
//                 dL/dx_i = g_i - e^(y_i) sum_j g_j
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// Any shape of rank 1 or more whose last extent is at least 1.
Tensor softmax(const Tensor& input);
Tensor log_softmax(const Tensor& input);

}  // namespace strata::ops
