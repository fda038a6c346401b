#include "ops/dense_kernels.h"
#include "ops/onednn/primitive.h"
#include "ops/unary_kernels.h"
#include "tensor/pool.h"

namespace strata::onednn {
namespace {

/// The activations lie as the caller has them, the weight as the implementation likes it.
Operands operands_of(const DenseGeometry& g, bool has_bias) {
  return {.input = matrix_layout(g.rows, g.inputs),
          .weight = Layout::any({g.outputs, g.inputs}),
          .bias = has_bias ? vector_layout(g.outputs) : Layout(),
          .output = matrix_layout(g.rows, g.outputs)};
}

Key key_of(const DenseGeometry& g, bool has_bias) {
  return {g.rows, g.inputs, g.outputs, has_bias, g.activation == ops::Activation::relu};
}

const float* data_of(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

void grad_input(const DenseGeometry& geometry, const Tensor& weight, const Tensor& grad_output,
                Tensor& result) {
  const Operands operands = operands_of(geometry, /*has_bias=*/false);
  const auto make = [&] {
    return Primitive("gradient of the input, dense " + geometry.to_string(), geometry.flops(),
                     describe_inner_product_grad_input(operands),
                     {{DNNL_ARG_DIFF_DST, operands.output},
                      {DNNL_ARG_WEIGHTS, matrix_layout(geometry.outputs, geometry.inputs)},
                      {DNNL_ARG_DIFF_SRC, operands.input, /*written=*/true}});
  };
  primitive(Kind::dense_grad_input, key_of(geometry, /*has_bias=*/false), make)
      .run({grad_output.data<float>(), weight.data<float>(), result.data<float>()});
}

void grad_weight(const DenseGeometry& geometry, const Tensor& input, const Tensor& grad_output,
                 Tensor& result, Tensor& grad_bias) {
  const bool has_bias = grad_bias.defined();
  const Operands operands = operands_of(geometry, has_bias);
  const auto make = [&] {
    std::vector<Argument> arguments{
        {DNNL_ARG_SRC, operands.input},
        {DNNL_ARG_DIFF_DST, operands.output},
        {DNNL_ARG_DIFF_WEIGHTS, matrix_layout(geometry.outputs, geometry.inputs), true}};
    if (has_bias) arguments.push_back({DNNL_ARG_DIFF_BIAS, operands.bias, /*written=*/true});
    return Primitive("gradient of the weight, dense " + geometry.to_string(), geometry.flops(),
                     describe_inner_product_grad_weight(operands), arguments);
  };
  primitive(Kind::dense_grad_weight, key_of(geometry, has_bias), make)
      .run({input.data<float>(), grad_output.data<float>(), result.data<float>(),
            data_of(grad_bias)});
}

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  const Operands operands = operands_of(geometry, geometry.has_bias);
  const auto make = [&] {
    std::vector<Argument> arguments{
        {DNNL_ARG_SRC, operands.input},
        {DNNL_ARG_WEIGHTS, matrix_layout(geometry.outputs, geometry.inputs)},
        {DNNL_ARG_DST, operands.output, /*written=*/true}};
    if (geometry.has_bias) arguments.push_back({DNNL_ARG_BIAS, operands.bias});
    return Primitive("dense " + geometry.to_string(), geometry.flops(),
                     describe_inner_product(operands, geometry.activation == ops::Activation::relu),
                     arguments);
  };
  primitive(Kind::dense, key_of(geometry, geometry.has_bias), make)
      .run({input.data<float>(), weight.data<float>(), output.data<float>(), data_of(bias)});
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  Tensor masked = grad_output;  // g [y > 0]
  if (geometry.activation == ops::Activation::relu) {
    const MemoryScope scope(MemoryUse::workspace);
    masked = Tensor::empty(grad_output.shape(), DType::float32, Device::cpu);
    unary_backward(Unary::relu, output, grad_output, masked);
  }
  if (gradients.input.defined()) grad_input(geometry, weight, masked, gradients.input);
  if (gradients.weight.defined() || gradients.bias.defined()) {
    const MemoryScope scope(MemoryUse::workspace);
    Tensor unwanted;  // oneDNN has the bias's gradient with the weight's only
    if (!gradients.weight.defined())
      unwanted = Tensor::empty(weight.shape(), DType::float32, Device::cpu);
    grad_weight(geometry, input, masked, gradients.weight.defined() ? gradients.weight : unwanted,
                gradients.bias);
  }
}

}  // namespace strata::onednn
