#include "ops/unary_kernels.h"

namespace strata::reference {

void unary(Unary op, const Tensor& input, Tensor& output) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    visit_unary(op, [&](auto functor) {
      const T* x = input.data<T>();
      T* y = output.data<T>();
      for (int64_t i = 0; i < input.size(); ++i) y[i] = functor.forward(x[i]);
    });
  });
}

void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output, Tensor& grad_input) {
  visit_floating(grad_output.dtype(), [&]<class T>(T) {
    visit_unary(op, [&](auto functor) {
      const T* s = saved.defined() ? saved.data<T>() : grad_output.data<T>();
      const T* g = grad_output.data<T>();
      T* result = grad_input.data<T>();
      for (int64_t i = 0; i < grad_output.size(); ++i) result[i] = functor.backward(s[i], g[i]);
    });
  });
}

}  // namespace strata::reference
