// Max-pooling that keeps which pixel was the greatest: for the convolutional stage, whose input is
// gone by the time of backward.
#pragma once

#include "ops/pool2d_kernels.h"
#include "tensor/tensor.h"

namespace strata::onednn {

/// `winners`, uint8, is allocated here, in oneDNN's own form.
void max_pool(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output, Tensor& winners);
void max_pool_backward(const Pool2dGeometry& geometry, const Tensor& winners,
                       const Tensor& grad_output, Tensor& grad_input);

}  // namespace strata::onednn
