#include "ops/dense_kernels.h"

namespace strata::reference {

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  const int64_t inputs = geometry.inputs, outputs = geometry.outputs;
  const bool relu = geometry.activation == ops::Activation::relu;
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    const T* w = weight.data<T>();
    const T* b = geometry.has_bias ? bias.data<T>() : nullptr;
    T* y = output.data<T>();
    for (int64_t n = 0; n < geometry.rows; ++n) {
      for (int64_t o = 0; o < outputs; ++o) {
        T z = 0;
        for (int64_t i = 0; i < inputs; ++i) z += x[n * inputs + i] * w[o * inputs + i];
        if (b) z += b[o];
        y[n * outputs + o] = relu && z < 0 ? T(0) : z;
      }
    }
  });
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const int64_t inputs = geometry.inputs, outputs = geometry.outputs;
  const bool relu = geometry.activation == ops::Activation::relu;
  for (Tensor* gradient : {&gradients.input, &gradients.weight, &gradients.bias})
    if (gradient->defined()) gradient->fill_zero();
  visit_floating(input.dtype(), [&]<class T>(T) {
    const auto data = [](const Tensor& t) { return t.defined() ? t.data<T>() : nullptr; };
    const T *x = data(input), *w = data(weight), *y = data(output), *g = data(grad_output);
    T *grad_x = data(gradients.input), *grad_w = data(gradients.weight);
    T* grad_b = data(gradients.bias);
    for (int64_t n = 0; n < geometry.rows; ++n) {
      for (int64_t o = 0; o < outputs; ++o) {
        const int64_t at = n * outputs + o;
        const T masked = !relu || y[at] > 0 ? g[at] : T(0);
        for (int64_t i = 0; i < inputs; ++i) {
          if (grad_x) grad_x[n * inputs + i] += masked * w[o * inputs + i];
          if (grad_w) grad_w[o * inputs + i] += masked * x[n * inputs + i];
        }
        if (grad_b) grad_b[o] += masked;
      }
    }
  });
}

}  // namespace strata::reference
