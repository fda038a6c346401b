#include "ops/softmax_rows.h"

namespace strata::reference {

void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input, Tensor& output) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    for (int64_t row = 0; row < geometry.rows; ++row) {
      const int64_t begin = row * geometry.classes;
      softmax_row<double>(kind, input.data<T>() + begin, geometry.classes,
                          output.data<T>() + begin);
    }
  });
}

void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_input) {
  visit_floating(output.dtype(), [&]<class T>(T) {
    for (int64_t row = 0; row < geometry.rows; ++row) {
      const int64_t begin = row * geometry.classes;
      softmax_row_backward<double>(kind, output.data<T>() + begin, grad_output.data<T>() + begin,
                                   geometry.classes, grad_input.data<T>() + begin);
    }
  });
}

}  // namespace strata::reference
