// The geometry of a dense layer and its kernels' signatures.
#pragma once

#include <string>
#include <vector>

#include "ops/dense.h"
#include "tensor/tensor.h"

namespace strata {

struct DenseGeometry {
  int64_t rows, inputs, outputs;  // N, I, O
  bool has_bias;
  ops::Activation activation;

  /// Throws as ops::dense says.
  DenseGeometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                ops::Activation activation);

  /// "256x800 to 256, bias, relu"
  std::string to_string() const;
  /// Of one product: forward, or a gradient.
  double flops() const {
    return 2.0 * static_cast<double>(rows * inputs) * static_cast<double>(outputs);
  }
};

/// What backward writes; undefined members are not needed and left out.
struct DenseGradients {
  Tensor input, weight, bias;
  bool branch = false;  // weight and bias may be written on a Branch (tensor/branch.h)

  std::vector<Tensor> tensors() const { return {input, weight, bias}; }
  int products() const { return input.defined() + weight.defined(); }
};

// `bias` is undefined when there is none. `output` is read by backward only for ReLU.
#define STRATA_DENSE_KERNELS                                                                    \
  void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,          \
             const Tensor& bias, Tensor& output);                                               \
  void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight, \
                      const Tensor& output, const Tensor& grad_output, DenseGradients& gradients);
namespace reference {
STRATA_DENSE_KERNELS
}
namespace cpu {
STRATA_DENSE_KERNELS
}
namespace cuda {
STRATA_DENSE_KERNELS
}
namespace cublas {
STRATA_DENSE_KERNELS
}
namespace onednn {
STRATA_DENSE_KERNELS
}
#undef STRATA_DENSE_KERNELS

namespace ops {
/// The backward pass on the rung that settings and tuner choose; for every op with a dense layer's
/// products.
void run_dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                        const Tensor& output, const Tensor& grad_output, DenseGradients& gradients);
}  // namespace ops

}  // namespace strata
