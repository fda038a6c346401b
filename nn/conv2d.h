// The convolution layer (ops/conv2d.h) with its bias, and what commonly follows it.
#pragma once

#include "nn/init.h"
#include "nn/module.h"
#include "ops/conv2d.h"
#include "ops/dense.h"

namespace strata::nn {

struct Conv2DOptions {
  ops::Extent2d stride = {1, 1};
  ops::Padding padding = {};
  ops::Extent2d dilation = {1, 1};
  int64_t groups = 1;
  bool bias = true;
  /// 2 x 2 max-pooling with stride 2 after the bias. Together with ReLU it is one fused op
  /// (ops/conv2d_relu_max_pool.h), which on a GPU is several times as fast as separate layers.
  bool max_pool = false;
  /// Comes last.
  ops::Activation activation = ops::Activation::none;
  Init init = Init::glorot_uniform();  // of the weight; the bias starts at 0
};

/// (N, H, W, in_channels) to (N, P, Q, out_channels), P and Q halved by max_pool. Parameters:
/// weight (out_channels, window.height, window.width, in_channels / groups), bias (out_channels).
class Conv2D : public Module {
 public:
  /// Throws `invalid_argument` unless channels and window are at least 1 and the groups divide both
  /// channel counts.
  Conv2D(Builder& builder, int64_t in_channels, int64_t out_channels, ops::Extent2d window,
         const Conv2DOptions& options = {});

  Tensor forward(const Tensor& input) override;
  std::string description() const override;

 private:
  ops::Conv2dOptions options_;
  bool max_pool_;
  ops::Activation activation_;
  Tensor weight_, bias_;
};

}  // namespace strata::nn
