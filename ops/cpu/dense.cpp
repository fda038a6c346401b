#include "ops/dense_kernels.h"

#include <algorithm>

#include "ops/cpu/gemm.h"
#include "ops/cpu/relu_gradients.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

/// g' = g [y > 0], or g itself without ReLU. Writes the gradient of the bias, too.
Tensor open_gradients(const DenseGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_bias) {
  const bool relu = geometry.activation == ops::Activation::relu;
  if (!relu && !grad_bias.defined()) return grad_output;
  const Tensor open = relu ? workspace(grad_output.size()) : Tensor();
  constexpr int64_t kColumns = 64;  // a thread's share, in steps that do not cut a cache line
  const int64_t shares = (geometry.outputs + kColumns - 1) / kColumns;
  parallel_for(shares, grain_for(geometry.rows * kColumns), [&](int64_t begin, int64_t end) {
    relu_gradients({.rows = geometry.rows,
                    .stride = geometry.outputs,
                    .first_column = begin * kColumns,
                    .last_column = std::min(end * kColumns, geometry.outputs),
                    .output = relu ? output.data<float>() : nullptr,
                    .gradients = grad_output.data<float>(),
                    .open = relu ? open.data<float>() : nullptr,
                    .sums = grad_bias.defined() ? grad_bias.data<float>() : nullptr});
  });
  return relu ? open : grad_output;
}

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  gemm({.m = geometry.rows,
        .n = geometry.outputs,
        .k = geometry.inputs,
        .a = matrix_view(input.data<float>(), geometry.inputs, /*transposed=*/false),
        .b = matrix_view(weight.data<float>(), geometry.inputs, /*transposed=*/true),
        .c = output.data<float>(),
        .bias = geometry.has_bias ? bias.data<float>() : nullptr,
        .relu = geometry.activation == ops::Activation::relu});
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const int64_t rows = geometry.rows, inputs = geometry.inputs, outputs = geometry.outputs;
  const Tensor open = open_gradients(geometry, output, grad_output, gradients.bias);
  const float* g = open.data<float>();
  if (gradients.input.defined())
    gemm({.m = rows,
          .n = inputs,
          .k = outputs,
          .a = matrix_view(g, outputs, /*transposed=*/false),
          .b = matrix_view(weight.data<float>(), inputs, /*transposed=*/false),
          .c = gradients.input.data<float>()});
  if (gradients.weight.defined())
    gemm({.m = outputs,
          .n = inputs,
          .k = rows,
          .a = matrix_view(g, outputs, /*transposed=*/true),
          .b = matrix_view(input.data<float>(), inputs, /*transposed=*/false),
          .c = gradients.weight.data<float>()});
}

}  // namespace strata::cpu
