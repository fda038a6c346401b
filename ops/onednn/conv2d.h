// Convolutions as oneDNN has them, with what can be fused to them: also for the convolutional
// stage.
#pragma once

#include "ops/conv2d_kernels.h"
#include "tensor/tensor.h"

namespace strata::onednn {

// `bias` and `grad_bias` may be undefined.
void convolve(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
              const Tensor& bias, bool relu, Tensor& output);
void convolve_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                          const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias);

}  // namespace strata::onednn
