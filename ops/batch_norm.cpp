#include "ops/batch_norm.h"

#include <cmath>
#include <optional>

#include "ops/batch_norm_kernels.h"
#include "ops/dispatch.h"
#include "tensor/autograd.h"

namespace strata {

BatchNormGeometry::BatchNormGeometry(const Tensor& input, const Tensor& scale, const Tensor& shift,
                                     const Tensor& running_mean, const Tensor& running_variance,
                                     const ops::BatchNormOptions& batch_norm_options)
    : options(batch_norm_options) {
  check_floating("batch_norm", input);
  check(input.rank() == 2 || input.rank() == 4,
        "batch_norm: expected an input (N, C) or (N, H, W, C), got {}", input.shape());
  channels = input.extent(-1);
  rows = input.shape().product(0, input.rank() - 1);
  const struct {
    const char* name;
    const Tensor& tensor;
  } others[] = {{"scale", scale},
                {"shift", shift},
                {"running mean", running_mean},
                {"running variance", running_variance}};
  for (const auto& [name, tensor] : others) {
    check(tensor.shape() == Shape{channels}, "batch_norm: input {} needs a {} {}, got {}",
          input.shape(), name, Shape{channels}, tensor.shape());
    check(tensor.dtype() == input.dtype(), "batch_norm: input is {}, but {} is {}", input.dtype(),
          name, tensor.dtype());
    check_same_device("batch_norm", input, tensor);
  }
  check(options.epsilon > 0 && std::isfinite(options.epsilon),
        "batch_norm: epsilon must be finite and above 0, got {}", options.epsilon);
  check(options.momentum >= 0 && options.momentum <= 1,
        "batch_norm: momentum must be between 0 and 1, got {}", options.momentum);
  check(!options.training || rows >= 2,
        "batch_norm: input {} has {} values a channel; training needs 2 or more", input.shape(),
        rows);
}

namespace ops {
namespace {

struct BatchNormNode : Node {
  std::optional<BatchNormGeometry> geometry;
  Tensor input, scale;
  BatchNormStatistics statistics;

  Gradients backward(const Tensor& grad_output) override {
    BatchNormGradients gradients{make_grad(0), make_grad(1), make_grad(2)};
    const Rung rung = choose_rung("batch_norm", grad_output);
    STRATA_DISPATCH(rung, batch_norm_backward, *geometry, input, scale, statistics, grad_output,
                    gradients);
    return {gradients.input, gradients.scale, gradients.shift};
  }
};

}  // namespace

Tensor batch_norm(const Tensor& input, const Tensor& scale, const Tensor& shift,
                  Tensor& running_mean, Tensor& running_variance, const BatchNormOptions& options) {
  const TraceScope trace(TraceLayer::op, "batch_norm");
  const BatchNormGeometry geometry(input, scale, shift, running_mean, running_variance, options);
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  BatchNormStatistics statistics{Tensor::empty(scale.shape(), input.dtype(), input.device()),
                                 Tensor::empty(scale.shape(), input.dtype(), input.device())};
  const Rung rung = choose_rung("batch_norm", input);
  STRATA_DISPATCH(rung, batch_norm, geometry, input, scale, shift, running_mean, running_variance,
                  statistics, output);
  return record<BatchNormNode>("batch_norm", {input, scale, shift}, output,
                               [&](BatchNormNode& node) {
                                 node.geometry = geometry;
                                 node.input = input.detach();
                                 node.scale = scale.detach();
                                 node.statistics = statistics;
                               });
}

}  // namespace ops
}  // namespace strata
