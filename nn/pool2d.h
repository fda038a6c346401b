// The pooling layers (ops/pool2d.h).
#pragma once

#include "nn/module.h"
#include "ops/pool2d.h"

namespace strata::nn {

/// (N, H, W, C) to (N, P, Q, C); the stride is the window unless `options` says otherwise.
class MaxPool2D : public Module {
 public:
  explicit MaxPool2D(const ops::Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& input) override { return ops::max_pool2d(input, options_); }
  std::string description() const override;

 private:
  ops::Pool2dOptions options_;
};

class AveragePool2D : public Module {
 public:
  explicit AveragePool2D(const ops::Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& input) override { return ops::avg_pool2d(input, options_); }
  std::string description() const override;

 private:
  ops::Pool2dOptions options_;
};

}  // namespace strata::nn
