// The fused kernel of dense_softmax_cross_entropy, which only the GPU has.
#pragma once

#include "ops/dense_kernels.h"
#include "ops/dense_softmax_cross_entropy.h"

namespace strata {

/// What the kernel writes; undefined members are not wanted and left out.
struct DenseLossResults {
  Tensor logits, losses;                     // (N, O), (N)
  Tensor loss = {};                          // one number, which becomes NaN
  Tensor grad_logits = {}, grad_input = {};  // of the mean loss

  std::vector<Tensor> tensors() const { return {logits, losses, loss, grad_logits, grad_input}; }
  int products() const { return 1 + grad_input.defined(); }
};

namespace cuda {
/// Whether the kernel takes these extents, and the tensors where they lie.
bool supports_dense_softmax_cross_entropy(const DenseGeometry& geometry, const Tensor& input,
                                          const Tensor& weight);
/// `bias` is undefined when there is none.
void dense_softmax_cross_entropy(const DenseGeometry& geometry, const Tensor& input,
                                 const Tensor& weight, const Tensor& bias, const Tensor& labels,
                                 DenseLossResults& results);
}  // namespace cuda

}  // namespace strata
