#include "ops/dense_kernels.h"

#include <algorithm>

#include "ops/cpu/gemm.h"

namespace strata::cpu {
namespace {

// g' = g [y > 0], or g itself without ReLU.
Tensor masked_gradient(const DenseGeometry& geometry, const Tensor& output,
                       const Tensor& grad_output) {
  if (geometry.activation == ops::Activation::none) return grad_output;
  const Tensor masked = workspace(grad_output.size());
  const float *y = output.data<float>(), *g = grad_output.data<float>();
  float* result = masked.data<float>();
  for (int64_t i = 0; i < grad_output.size(); ++i) result[i] = y[i] > 0 ? g[i] : 0.0f;
  return masked;
}

void sum_rows(int64_t rows, int64_t columns, const float* matrix, float* sums) {
  std::fill(sums, sums + columns, 0.0f);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) sums[j] += matrix[i * columns + j];
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
  const Tensor masked = masked_gradient(geometry, output, grad_output);
  const float* g = masked.data<float>();
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
  if (gradients.bias.defined()) sum_rows(rows, outputs, g, gradients.bias.data<float>());
}

}  // namespace strata::cpu
