// The products of dense layers one by one: forward, and both gradients apart, without bias, ReLU
// and autograd, as a BLAS library does them.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/ops.h"

namespace strata::bench {

/// The product of a layer as a BLAS library sees it: M x N results, each a sum of K.
///
///   forward      x W^T   batch x outputs, of inputs
///   grad_input   g W     batch x inputs, of outputs
///   grad_weight  g^T x   outputs x inputs, of batch
struct DenseProduct {
  int64_t batch, inputs, outputs;
  std::string pass;
};

/// Those of a layer `width` x `width` and of mlp's layers, at one batch size.
std::vector<DenseProduct> dense_products(const Data& data, int64_t batch, int64_t width);

/// Throws `usage` when the pass is none or an extent below 1.
OpOfStep dense_product_op(const DenseProduct& product, Device device);

}  // namespace strata::bench
