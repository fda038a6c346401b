// Which stages the kernels over one or three input channels serve, and which of them by precision.
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/few_channels_kernels.h"
#include "ops/cuda/tensor_cores.h"

namespace strata::cuda::few_channels {

bool supports(const ConvStageGeometry& geometry) {
  const Conv2dGeometry& g = geometry.convolution;
  const auto fits = [&](const ops::WindowAxis& axis) {
    return axis.stride == 1 && axis.dilation == 1 && axis.window == g.height.window;
  };
  const auto window = g.height.window;
  // One pooled row's tile must fit shared memory twice, and every offset an int.
  constexpr int64_t kMostFloatsInRow = 480, kMostElements = int64_t{1} << 30;
  const int64_t row = (g.width.output + window - 1) * g.in_channels;
  return g.groups == 1 && (g.in_channels == 1 || g.in_channels == 3) &&
         (window == 3 || window == 5) && fits(g.height) && fits(g.width) && g.batch > 0 &&
         g.out_channels > 0 && g.out_channels <= 64 && row <= kMostFloatsInRow &&
         g.batch * g.height.input * g.width.input * g.in_channels <= kMostElements &&
         geometry.output_shape().size() <= kMostElements;
}

bool supports_bfloat16(const ConvStageGeometry& geometry) {
  return use_tensor_cores() && supports(geometry) && supports_grad_weight_bfloat16(geometry);
}

void forward(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
             const Tensor& bias, Tensor& output, Tensor& winners) {
  const bool exact = !use_tensor_cores() && output.dtype() == DType::float32;
  (exact ? forward_float32 : forward_tf32)(geometry, input, weight, bias, output, winners);
}

void grad_weight(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                 const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  const bool tf32 =
      grad_output.dtype() == DType::bfloat16 ||
      (use_tensor_cores() && supports_grad_weight_tf32(geometry, winners, grad_output));
  (tf32 ? grad_weight_tf32 : grad_weight_float32)(geometry, input, winners, grad_output,
                                                  grad_weight, grad_bias);
}

}  // namespace strata::cuda::few_channels
