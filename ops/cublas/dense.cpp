// The dense layer with cuBLASLt's epilogues: bias and ReLU ride on the product, and the gradient of
// the bias on the product for the gradient of the weight. ReLU's mask is a kernel of our own: the
// epilogue that would apply it needs a bit mask kept from the forward pass besides the output.
#include <algorithm>

#include "ops/cublas/product.h"
#include "ops/dense_kernels.h"
#include "ops/unary_kernels.h"
#include "tensor/branch.h"
#include "tensor/pool.h"

namespace strata::cublas {
namespace {

Epilogue epilogue_of(const DenseGeometry& geometry) {
  if (geometry.activation == ops::Activation::relu)
    return geometry.has_bias ? Epilogue::bias_relu : Epilogue::relu;
  return geometry.has_bias ? Epilogue::bias : Epilogue::none;
}

// sums[j] = sum over i of matrix[i][j], as a row of ones times the matrix. Always in float32: this
// is a sum, and TF32 would round its terms.
void sum_columns(int64_t rows, int64_t columns, const float* matrix, float* sums) {
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor ones = Tensor::full({rows}, 1, DType::float32, Device::gpu);
  multiply({.m = 1, .n = columns, .k = rows, .precision = Precision::fp32},
           {ones.data<float>(), matrix, sums});
}

// grad_output where the output is above 0.
Tensor masked(const Tensor& output, const Tensor& grad_output) {
  const MemoryScope scope(MemoryUse::workspace);
  Tensor result = Tensor::empty(output.shape(), DType::float32, Device::gpu);
  cuda::unary_backward(Unary::relu, output, grad_output, result);
  return result;
}

void grad_weight_and_bias(const DenseGeometry& geometry, const Tensor& input, const Tensor& grad,
                          DenseGradients& gradients) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  float* bias = gradients.bias.defined() ? gradients.bias.data<float>() : nullptr;
  if (gradients.weight.defined()) {
    Product product{.m = outputs, .n = inputs, .k = rows, .transpose_a = true};
    Operands operands{grad.data<float>(), input.data<float>(), gradients.weight.data<float>()};
    if (bias && rows > 0 && inputs > 0 && outputs > 0) {
      product.epilogue = Epilogue::row_sums;
      operands.vector = bias;
      if (try_multiply(product, operands)) return;
      product.epilogue = Epilogue::none;
      operands.vector = nullptr;
    }
    multiply(product, operands);
  }
  if (bias) sum_columns(rows, outputs, grad.data<float>(), bias);
}

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  Product product{
      .m = rows, .n = outputs, .k = inputs, .transpose_b = true, .epilogue = epilogue_of(geometry)};
  Operands operands{input.data<float>(), weight.data<float>(), output.data<float>(),
                    has_bias ? bias.data<float>() : nullptr};
  Tensor zeros;
  if (inputs == 0) {  // a product of nothing has no epilogue; one input of zeros leaves the same
    const MemoryScope scope(MemoryUse::workspace);
    zeros = Tensor::zeros({std::max(rows, outputs)}, DType::float32, Device::gpu);
    product.k = 1;
    operands.a = operands.b = zeros.data<float>();
  }
  multiply(product, operands);
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  const bool relu = activation == ops::Activation::relu;
  const Tensor grad = relu ? masked(output, grad_output) : grad_output;
  {
    const Branch branch(gradients.branch);
    grad_weight_and_bias(geometry, input, grad, gradients);
  }
  if (gradients.input.defined())
    multiply({.m = rows, .n = inputs, .k = outputs},
             {grad.data<float>(), weight.data<float>(), gradients.input.data<float>()});
}

}  // namespace strata::cublas
