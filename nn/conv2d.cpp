#include "nn/conv2d.h"

#include "nn/window_text.h"
#include "ops/bias_add.h"
#include "ops/conv2d_relu_max_pool.h"
#include "ops/pool2d.h"
#include "ops/unary.h"

namespace strata::nn {

Conv2D::Conv2D(Builder& builder, int64_t in_channels, int64_t out_channels, ops::Extent2d window,
               const Conv2DOptions& options)
    : options_{.stride = options.stride,
               .padding = options.padding,
               .dilation = options.dilation,
               .groups = options.groups},
      max_pool_(options.max_pool),
      activation_(options.activation) {
  check(in_channels >= 1 && out_channels >= 1 && window.height >= 1 && window.width >= 1,
        "Conv2D: channels and window must be at least 1, got {} -> {} with a window of {}x{}",
        in_channels, out_channels, window.height, window.width);
  check(options.groups >= 1 && in_channels % options.groups == 0 &&
            out_channels % options.groups == 0,
        "Conv2D: {} groups do not divide {} -> {} channels", options.groups, in_channels,
        out_channels);
  weight_ = builder.parameter(
      {out_channels, window.height, window.width, in_channels / options.groups}, options.init);
  add_parameter("weight", weight_);
  if (!options.bias) return;
  bias_ = builder.parameter({out_channels}, Init::zeros());
  add_parameter("bias", bias_);
}

Tensor Conv2D::forward(const Tensor& input) {
  const bool relu = activation_ == ops::Activation::relu;
  if (relu && max_pool_) return ops::conv2d_relu_max_pool(input, weight_, bias_, options_);
  Tensor output = ops::conv2d(input, weight_, options_);
  if (bias_.defined()) output = ops::bias_add(output, bias_);
  if (max_pool_) output = ops::max_pool2d(output);
  return relu ? ops::relu(output) : output;
}

std::string Conv2D::description() const {
  std::string text =
      fmt::format("Conv2D {}x{} -> {}", weight_.extent(1), weight_.extent(2), weight_.extent(0));
  if (options_.stride.height != 1 || options_.stride.width != 1)
    text += ", stride " + text_of(options_.stride);
  text += text_of(options_.padding);
  if (options_.dilation.height != 1 || options_.dilation.width != 1)
    text += ", dilation " + text_of(options_.dilation);
  if (options_.groups != 1) text += fmt::format(", {} groups", options_.groups);
  if (!bias_.defined()) text += ", no bias";
  if (max_pool_) text += ", max-pool 2";
  if (activation_ == ops::Activation::relu) text += ", ReLU";
  return text;
}

}  // namespace strata::nn
