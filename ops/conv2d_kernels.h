// The geometry of a convolution, derived and validated once, and the kernels' signatures.
#pragma once

#include <string>

#include "ops/conv2d.h"
#include "tensor/tensor.h"

namespace strata {

struct Conv2dGeometry {
  int64_t batch, in_channels, out_channels, groups;
  ops::WindowAxis height, width;

  /// Throws as ops::conv2d says, but takes a bfloat16 input beside a float32 weight.
  Conv2dGeometry(const Tensor& input, const Tensor& weight, const ops::Conv2dOptions& options);

  int64_t group_in_channels() const { return in_channels / groups; }
  int64_t group_out_channels() const { return out_channels / groups; }
  Shape output_shape() const { return {batch, height.output, width.output, out_channels}; }
  /// "256x28x28x1 by 24x5x5x1, stride 2x2, 3 groups": input and filter, and what is not plain.
  std::string to_string() const;
  /// Of one pass: forward, or a gradient.
  double flops() const {
    return 2.0 * static_cast<double>(output_shape().size()) *
           static_cast<double>(height.window * width.window * group_in_channels());
  }
};

// Each result is written whole, not added to.
#define STRATA_CONV2D_KERNELS                                                            \
  void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight, \
              Tensor& output);                                                           \
  void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,      \
                         const Tensor& weight, Tensor& grad_input);                      \
  void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,           \
                          const Tensor& grad_output, Tensor& grad_weight);
namespace reference {
STRATA_CONV2D_KERNELS
}
namespace cpu {
STRATA_CONV2D_KERNELS
}
namespace cuda {
STRATA_CONV2D_KERNELS
}
namespace cudnn {
STRATA_CONV2D_KERNELS
}
namespace onednn {
STRATA_CONV2D_KERNELS
}
#undef STRATA_CONV2D_KERNELS

namespace cudnn {
/// Whether cuDNN is asked for this convolution: any stride, dilation and groups, but only padding
/// that is the same on both sides and below the window, and no tensor that is empty or has 2^31
/// elements or more.
bool supports_conv2d(const Conv2dGeometry& geometry);
/// Whether it is asked for the gradient of the weight as well: not with one input channel, where
/// engines of cuDNN 9.14 on an H100 were off by 4e-3 in float32, for whole numbers too.
inline bool supports_conv2d_grad_weight(const Conv2dGeometry& geometry) {
  return geometry.in_channels > 1 && supports_conv2d(geometry);
}
}  // namespace cudnn

namespace onednn {
/// Whether oneDNN is asked for this convolution: for each that has something to compute.
inline bool supports_conv2d(const Conv2dGeometry& geometry) {
  return geometry.output_shape().size() > 0 && geometry.in_channels > 0;
}
}  // namespace onednn

}  // namespace strata
