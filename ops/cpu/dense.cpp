#include "ops/dense_kernels.h"

#include <algorithm>

#include "ops/cpu/bf16.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_bf16.h"
#include "ops/cpu/relu_gradients.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

bool is_stored_small(const Tensor& tensor) {
  return tensor.dtype() == DType::bfloat16;
}

Tensor as_float32(const Tensor& tensor) {
  if (!is_stored_small(tensor)) return tensor;
  const Tensor wide = workspace(tensor.size());
  parallel_for(tensor.size(), grain_for(1), [&](int64_t begin, int64_t end) {
    widen({tensor.data<BFloat16>() + begin, end - begin, wide.data<float>() + begin});
  });
  return wide;
}

/// g' = g [y > 0], or g itself without ReLU. Writes the gradient of the bias, too.
Tensor open_gradients(const DenseGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_bias) {
  const bool relu = geometry.activation == ops::Activation::relu;
  if (!relu && !grad_bias.defined()) return grad_output;
  const Tensor y = relu ? as_float32(output) : Tensor(), g = as_float32(grad_output);
  const Tensor open = relu ? workspace(grad_output.size()) : Tensor();
  constexpr int64_t kColumns = 64;  // a thread's share, in steps that do not cut a cache line
  const int64_t shares = (geometry.outputs + kColumns - 1) / kColumns;
  parallel_for(shares, grain_for(geometry.rows * kColumns), [&](int64_t begin, int64_t end) {
    relu_gradients({.rows = geometry.rows,
                    .stride = geometry.outputs,
                    .first_column = begin * kColumns,
                    .last_column = std::min(end * kColumns, geometry.outputs),
                    .output = relu ? y.data<float>() : nullptr,
                    .gradients = g.data<float>(),
                    .open = relu ? open.data<float>() : nullptr,
                    .sums = grad_bias.defined() ? grad_bias.data<float>() : nullptr});
  });
  return relu ? open : g;
}

/// The products of the backward pass with the gradients that ReLU lets pass.
void multiply(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
              const float* g, DenseGradients& gradients) {
  const int64_t rows = geometry.rows, inputs = geometry.inputs, outputs = geometry.outputs;
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

void multiply_bf16(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                   const Tensor& g, DenseGradients& gradients) {
  const int64_t rows = geometry.rows, inputs = geometry.inputs, outputs = geometry.outputs;
  if (gradients.input.defined())
    gemm_bf16({.m = rows,
               .n = inputs,
               .k = outputs,
               .a = stored_matrix(g, outputs, /*transposed=*/false),
               .b = stored_matrix(weight, inputs, /*transposed=*/false),
               .c = gradients.input});
  if (gradients.weight.defined())
    gemm_bf16({.m = outputs,
               .n = inputs,
               .k = rows,
               .a = stored_matrix(g, outputs, /*transposed=*/true),
               .b = stored_matrix(input, inputs, /*transposed=*/false),
               .c = gradients.weight});
}

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  const int64_t rows = geometry.rows, inputs = geometry.inputs, outputs = geometry.outputs;
  const float* const bias_data = geometry.has_bias ? bias.data<float>() : nullptr;
  const bool relu = geometry.activation == ops::Activation::relu;
  if (is_stored_small(input) || is_stored_small(output))
    return gemm_bf16({.m = rows,
                      .n = outputs,
                      .k = inputs,
                      .a = stored_matrix(input, inputs, /*transposed=*/false),
                      .b = stored_matrix(weight, inputs, /*transposed=*/true),
                      .c = output,
                      .bias = bias_data,
                      .relu = relu});
  gemm({.m = rows,
        .n = outputs,
        .k = inputs,
        .a = matrix_view(input.data<float>(), inputs, /*transposed=*/false),
        .b = matrix_view(weight.data<float>(), inputs, /*transposed=*/true),
        .c = output.data<float>(),
        .bias = bias_data,
        .relu = relu});
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const Tensor open = open_gradients(geometry, output, grad_output, gradients.bias);
  if (is_stored_small(input) || is_stored_small(grad_output))
    return multiply_bf16(geometry, input, weight, open, gradients);
  multiply(geometry, input, weight, open.data<float>(), gradients);
}

}  // namespace strata::cpu
