// Batch normalisation (ops/batch_norm.h) as a layer with its running statistics.
#pragma once

#include "nn/init.h"
#include "nn/module.h"

namespace strata::nn {

struct BatchNormLayerOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;  // the weight of a batch in the running statistics
};

/// (N, channels) or (N, H, W, channels), normalised per channel: by the batch's statistics while
/// training, by the running ones in evaluation. Parameters: scale (from 1), shift (from 0).
/// Buffers: running_mean (from 0), running_variance (from 1).
class BatchNorm : public Module {
 public:
  /// Throws `invalid_argument` unless channels >= 1.
  BatchNorm(Builder& builder, int64_t channels, const BatchNormLayerOptions& options = {});

  Tensor forward(const Tensor& input) override;
  std::string description() const override;

 private:
  BatchNormLayerOptions options_;
  Tensor scale_, shift_, running_mean_, running_variance_;
};

}  // namespace strata::nn
