// The kernels among which few_channels chooses by precision.
#pragma once

#include "ops/conv2d_relu_max_pool_kernels.h"

namespace strata::cuda::few_channels {

void forward_float32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
                     const Tensor& bias, Tensor& output, Tensor& winners);
void grad_weight_float32(const ConvStageGeometry& geometry, const Tensor& input,
                         const Tensor& winners, const Tensor& grad_output, Tensor& grad_weight,
                         Tensor& grad_bias);

/// On tensor cores: what is multiplied is rounded to TF32.
void forward_tf32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
                  const Tensor& bias, Tensor& output, Tensor& winners);
/// `output` may be bfloat16, and `grad_output`. The latter's kernel takes a shape if this is true.
bool supports_grad_weight_bfloat16(const ConvStageGeometry& geometry);
/// For float32. Channels in multiples of eight, suitably aligned, and rows that fit shared memory.
bool supports_grad_weight_tf32(const ConvStageGeometry& geometry, const Tensor& winners,
                               const Tensor& grad_output);
void grad_weight_tf32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                      const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias);

}  // namespace strata::cuda::few_channels
