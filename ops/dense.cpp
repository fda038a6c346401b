#include "ops/dense.h"

#include <optional>

#include "ops/dense_kernels.h"
#include "ops/dispatch.h"
#include "tensor/autograd.h"

namespace strata {

DenseGeometry::DenseGeometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                             ops::Activation activation)
    : has_bias(bias.defined()), activation(activation) {
  const bool stored_small = input.dtype() == DType::bfloat16;
  if (!stored_small) check_floating("dense", input);
  const DType dtype = stored_small ? DType::float32 : input.dtype();
  check(input.rank() == 2 && weight.rank() == 2,
        "dense: expected input (N, I) and weight (O, I), got {} and {}", input.shape(),
        weight.shape());
  rows = input.extent(0);
  inputs = input.extent(1);
  outputs = weight.extent(0);
  check(weight.extent(1) == inputs, "dense: weight {} takes rows of {}, but input is {}",
        weight.shape(), weight.extent(1), input.shape());
  check(!has_bias || bias.shape() == Shape{outputs}, "dense: expected a bias {}, got {}",
        Shape{outputs}, has_bias ? bias.shape() : Shape());
  for (const Tensor* other : {&weight, &bias}) {
    if (!other->defined()) continue;
    check_same_device("dense", input, *other);
    check(other->dtype() == dtype, "dense: input is {}, but {} is {}", input.dtype(),
          other == &weight ? "weight" : "bias", other->dtype());
  }
}

std::string DenseGeometry::to_string() const {
  return fmt::format("{}x{} to {}{}{}", rows, inputs, outputs, has_bias ? ", bias" : "",
                     activation == ops::Activation::relu ? ", relu" : "");
}

namespace ops {
namespace {

// Our own kernels by default: loading cuBLASLt takes 50 to 130 ms, which they would have to lose in
// a run first.
LibraryRung library_rung(const DenseGeometry& geometry) {
  const bool something = geometry.rows > 0 && geometry.inputs > 0 && geometry.outputs > 0;
  return {.rung = Rung::cublas, .automatic = false, .onednn = something};
}

struct DenseNode : Node {
  std::optional<DenseGeometry> geometry;
  Tensor input, weight;
  Tensor output;  // for the mask of ReLU, otherwise undefined

  Gradients backward(const Tensor& grad_output) override {
    DenseGradients gradients{.input = make_grad(0),
                             .weight = make_grad(1),
                             .bias = make_grad(2),
                             .branch = is_for_leaves()};
    run_dense_backward(*geometry, input, weight, output, grad_output, gradients);
    return {gradients.input, gradients.weight, gradients.bias};
  }

  bool is_for_leaves() const {
    return (!needs(1) || needs_for_leaf(1)) && (!needs(2) || needs_for_leaf(2));
  }
};

}  // namespace

void run_dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                        const Tensor& output, const Tensor& grad_output,
                        DenseGradients& gradients) {
  const std::string_view without = gradients.input.defined() ? "" : " without input";
  run_on_rung("dense", grad_output, library_rung(geometry),
              {[&] { return fmt::format("dense_backward{} of {}", without, geometry.to_string()); },
               [&](Rung rung) {
                 STRATA_DISPATCH_WITH(cublas, rung, dense_backward, geometry, input, weight, output,
                                      grad_output, gradients);
               }});
}

Tensor dense(const Tensor& input, const Tensor& weight, const Tensor& bias, Activation activation) {
  const TraceScope trace(TraceLayer::op, "dense");
  const DenseGeometry geometry(input, weight, bias, activation);
  const DType hidden = hidden_dtype("dense", input);
  check(hidden != DType::bfloat16 || geometry.inputs > 0,
        "dense: activations in bfloat16 need at least one input, got {}", input.shape());
  const DType dtype = activation == Activation::relu     ? hidden
                      : input.dtype() == DType::bfloat16 ? DType::float32
                                                         : input.dtype();
  Tensor output = Tensor::empty({geometry.rows, geometry.outputs}, dtype, input.device());
  run_on_rung("dense", input, library_rung(geometry),
              {[&] { return "dense of " + geometry.to_string(); },
               [&](Rung rung) {
                 STRATA_DISPATCH_WITH(cublas, rung, dense, geometry, input, weight, bias, output);
               }});
  return record<DenseNode>("dense", {input, weight, bias}, output, [&](DenseNode& node) {
    node.geometry = geometry;
    node.input = input.detach();
    node.weight = weight.detach();
    if (activation == Activation::relu) node.output = output.detach();
  });
}

}  // namespace ops
}  // namespace strata
