#include "nn/activations.h"

#include "ops/reshape.h"
#include "ops/unary.h"

namespace strata::nn {

Tensor ReLU::forward(const Tensor& input) { return ops::relu(input); }
Tensor Sigmoid::forward(const Tensor& input) { return ops::sigmoid(input); }
Tensor Tanh::forward(const Tensor& input) { return ops::tanh(input); }
Tensor Gelu::forward(const Tensor& input) { return ops::gelu(input); }

Tensor Flatten::forward(const Tensor& input) {
  check(input.rank() >= 1, "Flatten: a scalar has no axis of examples to keep");
  return ops::reshape(input, {input.extent(0), input.shape().product(1, input.rank())});
}

}  // namespace strata::nn
