// Softmax of one row in plain C++, for the reference (in double) and the CPU kernel (in float).
#pragma once

#include <algorithm>
#include <cmath>

#include "ops/softmax_kernels.h"

namespace strata {

/// `Sum` is the type that sums are taken in.
template <class Sum, class T>
void softmax_row(Softmax kind, const T* x, int64_t classes, T* y) {
  const T largest = *std::max_element(x, x + classes);
  Sum sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(Sum{x[c]} - largest);
  const Sum log_sum = std::log(sum);
  for (int64_t c = 0; c < classes; ++c) {
    const Sum relative = Sum{x[c]} - largest;
    y[c] = static_cast<T>(kind == Softmax::plain ? std::exp(relative) / sum : relative - log_sum);
  }
}

template <class Sum, class T>
void softmax_row_backward(Softmax kind, const T* y, const T* grad_output, int64_t classes,
                          T* grad_input) {
  Sum sum = 0;
  for (int64_t c = 0; c < classes; ++c)
    sum += kind == Softmax::plain ? Sum{grad_output[c]} * y[c] : Sum{grad_output[c]};
  for (int64_t c = 0; c < classes; ++c) {
    grad_input[c] = static_cast<T>(kind == Softmax::plain
                                       ? y[c] * (grad_output[c] - sum)
                                       : grad_output[c] - std::exp(Sum{y[c]}) * sum);
  }
}

}  // namespace strata
