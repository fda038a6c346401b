#include "ops/binary_kernels.h"

namespace strata::reference {
namespace {

// The element of `tensor` that stands at output position `flat`: the output's coordinates, from the
// last axis on, without those along which the tensor is repeated.
int64_t element_at(const Tensor& tensor, const Shape& output, int64_t flat) {
  int64_t element = 0, stride = 1;
  for (int axis = 1; axis <= tensor.rank(); ++axis) {
    const int64_t coordinate = flat % output[-axis];
    flat /= output[-axis];
    if (tensor.extent(-axis) == 1) continue;
    element += coordinate * stride;
    stride *= tensor.extent(-axis);
  }
  return element;
}

}  // namespace

void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& output) {
  visit_floating(output.dtype(), [&]<class T>(T) {
    visit_binary(op, [&](auto functor) {
      const T* x = a.data<T>();
      const T* y = b.data<T>();
      T* result = output.data<T>();
      for (int64_t i = 0; i < output.size(); ++i)
        result[i] =
            functor.apply(x[element_at(a, output.shape(), i)], y[element_at(b, output.shape(), i)]);
    });
  });
}

}  // namespace strata::reference
