#include "tools/bench/dense.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/dense_kernels.h"
#include "tensor/autograd.h"

namespace strata::bench {
namespace {

constexpr const char* kPasses[] = {"forward", "grad_input", "grad_weight"};

void add_layer(std::vector<DenseProduct>& products, int64_t batch, int64_t inputs, int64_t outputs,
               bool input_needs_gradient) {
  for (const char* pass : kPasses)
    if (input_needs_gradient || pass != kPasses[1])
      products.push_back({batch, inputs, outputs, pass});
}

OpCase gradient_case(const DenseProduct& product, Device device) {
  const Tensor input = random_tensor({product.batch, product.inputs}, device);
  const Tensor weight = random_tensor({product.outputs, product.inputs}, device);
  const Tensor grad_output = random_tensor({product.batch, product.outputs}, device);
  const bool of_input = product.pass == kPasses[1];
  const Tensor result = Tensor::empty((of_input ? input : weight).shape(), DType::float32, device);
  return {.forward = [=] {
    DenseGradients gradients;
    (of_input ? gradients.input : gradients.weight) = result;
    const DenseGeometry geometry(input, weight, {}, ops::Activation::none);
    ops::run_dense_backward(geometry, input, weight, {}, grad_output, gradients);
    return result;
  }};
}

}  // namespace

std::vector<DenseProduct> dense_products(const Data& data, int64_t batch, int64_t width) {
  const nn::Dataset& set = data.dataset;
  const train_mnist::MlpWidths mlp;
  std::vector<DenseProduct> products;
  add_layer(products, batch, width, width, true);
  add_layer(products, batch, set.height * set.width * set.channels, mlp.first, false);
  add_layer(products, batch, mlp.first, mlp.second, true);
  add_layer(products, batch, mlp.second, set.classes, true);
  return products;
}

OpOfStep dense_product_op(const DenseProduct& product, Device device) {
  const auto& [batch, inputs, outputs, pass] = product;
  if (std::ranges::find(kPasses, pass) == std::end(kPasses))
    fail(ErrorKind::usage, "a dense layer has no pass {}", pass);
  if (batch < 1 || inputs < 1 || outputs < 1)
    fail(ErrorKind::usage, "a dense layer of {} x {} to {} has no product", batch, inputs, outputs);
  OpOfStep op{.name = fmt::format("{} to {}", inputs, outputs),
              .op = pass,
              .shapes = fmt::format("{}x{} to {}", batch, inputs, outputs),
              .work = {.forward = dense_product_work(batch, inputs, outputs)},
              .make = {}};
  if (pass == kPasses[0]) {
    op.make = [=] {
      const Tensor input = random_tensor({batch, inputs}, device);
      const Tensor weight = random_tensor({outputs, inputs}, device);
      return OpCase{.forward = [=] { return ops::dense(input, weight, {}); }};
    };
  } else {
    op.make = [=] { return gradient_case(product, device); };
  }
  return op;
}

}  // namespace strata::bench
