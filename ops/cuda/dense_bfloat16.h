// The dense layer where its input or its output is stored as bfloat16: on tensor cores, but for a
// layer of few outputs without ReLU.
#pragma once

#include "ops/dense_kernels.h"

namespace strata::cuda {

/// As cuda::dense. With ReLU the output is bfloat16, otherwise float32.
void dense_bfloat16(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& bias, Tensor& output);
void dense_backward_bfloat16(const DenseGeometry& geometry, const Tensor& input,
                             const Tensor& weight, const Tensor& output, const Tensor& grad_output,
                             DenseGradients& gradients);

}  // namespace strata::cuda
