#include "nn/batch_norm.h"

#include "ops/batch_norm.h"

namespace strata::nn {

BatchNorm::BatchNorm(Builder& builder, int64_t channels, const BatchNormLayerOptions& options)
    : options_(options) {
  check(channels >= 1, "BatchNorm: it needs at least 1 channel, got {}", channels);
  scale_ = builder.parameter({channels}, Init::constant(1));
  shift_ = builder.parameter({channels}, Init::zeros());
  running_mean_ = builder.buffer({channels}, 0);
  running_variance_ = builder.buffer({channels}, 1);
  add_parameter("scale", scale_);
  add_parameter("shift", shift_);
  add_buffer("running_mean", running_mean_);
  add_buffer("running_variance", running_variance_);
}

Tensor BatchNorm::forward(const Tensor& input) {
  return ops::batch_norm(
      input, scale_, shift_, running_mean_, running_variance_,
      {.epsilon = options_.epsilon, .momentum = options_.momentum, .training = training()});
}

std::string BatchNorm::description() const {
  return fmt::format("BatchNorm {}", scale_.extent(0));
}

}  // namespace strata::nn
