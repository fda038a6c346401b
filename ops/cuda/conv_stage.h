// The kernels that compute a convolutional stage (ops/conv2d_relu_max_pool.h) without writing the
// convolution's output. Each set serves the shapes that its supports() names.
#pragma once

#include "ops/conv2d_relu_max_pool_kernels.h"

namespace strata::cuda {

/// One or three input channels: a pixel's whole neighbourhood fits a thread's registers.
namespace few_channels {
bool supports(const ConvStageGeometry& geometry);
/// With `output` and `grad_output` in bfloat16.
bool supports_bfloat16(const ConvStageGeometry& geometry);
void forward(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
             const Tensor& bias, Tensor& output, Tensor& winners);
/// `grad_bias` is undefined when there is no bias.
void grad_weight(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                 const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias);
}  // namespace few_channels

/// 3 x 3 windows over channels in multiples of eight, on tensor cores where the precision allows.
/// Input, output and their gradients are all float32 or all bfloat16.
namespace many_channels {
bool supports(const ConvStageGeometry& geometry);
void forward(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
             const Tensor& bias, Tensor& output, Tensor& winners);
void grad_input(const ConvStageGeometry& geometry, const Tensor& weight, const Tensor& winners,
                const Tensor& grad_output, Tensor& grad_input);
/// `grad_bias` is undefined when there is no bias.
void grad_weight(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                 const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias);
/// Of a block of grad_weight()'s kernel.
size_t grad_weight_shared_bytes(const ConvStageGeometry& geometry);
}  // namespace many_channels

}  // namespace strata::cuda
