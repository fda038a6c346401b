// The geometry of a convolutional stage and the signatures of its kernels.
#pragma once

#include "ops/conv2d_kernels.h"
#include "ops/dispatch.h"

namespace strata {

/// Where a pooled output comes from, as stored, one byte each: the pixel 2 * row + column of its
/// 2 x 2 window, or kNoWinner where ReLU is closed and no gradient passes.
inline constexpr uint8_t kNoWinner = 4;

struct ConvStageGeometry {
  Conv2dGeometry convolution;
  int64_t pooled_height, pooled_width;

  /// Throws as ops::conv2d_relu_max_pool says.
  ConvStageGeometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                    const ops::Conv2dOptions& options);

  Shape output_shape() const {
    return {convolution.batch, pooled_height, pooled_width, convolution.out_channels};
  }
  std::string to_string() const { return convolution.to_string(); }
  double flops() const { return convolution.flops(); }
};

/// What backward reads.
struct ConvStageSaved {
  Tensor input, weight;
  Tensor winners;  // uint8, of the output's shape; for oneDNN, in its own form
  Tensor output;   // for oneDNN only: the others see in `winners` where ReLU is closed

  std::vector<Tensor> tensors() const { return {input, weight, winners, output}; }
};

/// What backward writes; undefined members are not needed and left out.
struct ConvStageGradients {
  Tensor input, weight, bias;
  bool branch = false;  // weight and bias may be written on a Branch (tensor/branch.h)

  std::vector<Tensor> tensors() const { return {input, weight, bias}; }
  int products() const { return input.defined() + weight.defined(); }
};

namespace cpu {
/// Whether the fused kernels take it: one group, and an image of less than some 2^30 numbers.
bool supports_conv2d_relu_max_pool(const ConvStageGeometry& geometry);
/// `bias` is undefined when there is none, `winners` when nothing is recorded.
void conv2d_relu_max_pool(const ConvStageGeometry& geometry, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners);
void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                                   const Tensor& grad_output, ConvStageGradients& gradients);
}  // namespace cpu

namespace onednn {
/// As on the CPU, but `winners` is allocated here.
void conv2d_relu_max_pool(const ConvStageGeometry& geometry, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners);
void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                                   const Tensor& grad_output, ConvStageGradients& gradients);
}  // namespace onednn

namespace cuda {
/// Whether kernels read this input and store the output as bfloat16: an image that is data, of one
/// or three channels, or a bfloat16 input to 3 x 3 windows over channels in multiples of eight;
/// output channels in multiples of eight.
bool supports_bfloat16(const ConvStageGeometry& geometry, const Tensor& input);
/// `convolution` is the rung of the convolution itself where no fused kernel serves: cuda or cudnn;
/// cudnn never takes a fused kernel. `bias` is undefined when there is none, `winners` when nothing
/// is recorded.
void conv2d_relu_max_pool(const ConvStageGeometry& geometry, Rung convolution, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners);
void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, Rung convolution,
                                   const ConvStageSaved& saved, const Tensor& grad_output,
                                   ConvStageGradients& gradients);
}  // namespace cuda

}  // namespace strata
