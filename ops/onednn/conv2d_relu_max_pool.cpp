// Convolution, bias and ReLU are one primitive, pooling a second, which keeps the winners. ReLU
// comes before the pooling here, where oneDNN can fuse it; the maximum of clipped numbers is the
// clipped maximum.
//
// NHWC in between, too, though with one input channel oneDNN would rather have blocks of 16: for
// 256 images of 28x28x1 by 24x5x5, milliseconds of one thread's time with AVX-512 and oneDNN 2.6:
//
//                    convolution  pooling  its backward  weight's gradient  reorders    sum
//   NHWC                     2.8      0.9           0.8                3.2         0    7.8
//   blocks of 16             2.4      1.4           1.2                2.2       0.8    8.0
//
// The reorders are of the pooled output and its gradient; 24 channels also fill 32. For 64 images
// the blocks take 1.6, NHWC 1.75. From NHWC of 24 channels to blocks it has plain loops only.
#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/onednn/conv2d.h"
#include "ops/onednn/pool2d.h"
#include "ops/unary_kernels.h"
#include "tensor/pool.h"

namespace strata::onednn {
namespace {

Pool2dGeometry pooling_of(const ConvStageGeometry& geometry) {
  const auto axis = [](const ops::WindowAxis& convolved, int64_t pooled) -> ops::WindowAxis {
    return {.input = convolved.output,
            .window = 2,
            .stride = 2,
            .dilation = 1,
            .pad_before = 0,
            .pad_after = 0,
            .output = pooled};
  };
  Pool2dGeometry pooling;
  pooling.batch = geometry.convolution.batch;
  pooling.channels = geometry.convolution.out_channels;
  pooling.height = axis(geometry.convolution.height, geometry.pooled_height);
  pooling.width = axis(geometry.convolution.width, geometry.pooled_width);
  return pooling;
}

Tensor scratch(const Shape& shape) {
  const MemoryScope scope(MemoryUse::workspace);
  return Tensor::empty(shape, DType::float32, Device::cpu);
}

// saved.weight is there only where the input's gradient is wanted.
Shape weight_shape(const Conv2dGeometry& g) {
  return {g.out_channels, g.height.window, g.width.window, g.group_in_channels()};
}

}  // namespace

void conv2d_relu_max_pool(const ConvStageGeometry& geometry, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners) {
  Tensor convolved = scratch(geometry.convolution.output_shape());
  convolve(geometry.convolution, input, weight, bias, /*relu=*/true, convolved);
  max_pool(pooling_of(geometry), convolved, output, winners);
}

void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                                   const Tensor& grad_output, ConvStageGradients& gradients) {
  Tensor grad_pooled = scratch(grad_output.shape());
  unary_backward(Unary::relu, saved.output, grad_output, grad_pooled);
  Tensor grad_convolved = scratch(geometry.convolution.output_shape());
  max_pool_backward(pooling_of(geometry), saved.winners, grad_pooled, grad_convolved);
  if (gradients.weight.defined() || gradients.bias.defined()) {
    Tensor unwanted;  // oneDNN has the bias's gradient with the weight's only
    if (!gradients.weight.defined()) unwanted = scratch(weight_shape(geometry.convolution));
    convolve_grad_weight(geometry.convolution, saved.input, grad_convolved,
                         gradients.weight.defined() ? gradients.weight : unwanted, gradients.bias);
  }
  if (gradients.input.defined())
    conv2d_grad_input(geometry.convolution, grad_convolved, saved.weight, gradients.input);
}

}  // namespace strata::onednn
