// The arithmetic of SGD for one element, for both compilers, and the kernels' signatures.
#pragma once

#include "ops/sgd_update.h"
#include "tensor/host_device.h"

namespace strata {

struct SgdRule {
  float momentum, decay;
  bool nesterov;

  explicit SgdRule(const ops::SgdOptions& options)
      : momentum(static_cast<float>(options.momentum)),
        decay(static_cast<float>(options.weight_decay)),
        nesterov(options.nesterov) {}

  STRATA_HOST_DEVICE void update(float& weight, float gradient, float& velocity,
                                 float rate) const {
    const float g = gradient + decay * weight;
    velocity = momentum * velocity + g;
    weight -= rate * (nesterov ? g + momentum * velocity : velocity);
  }

  STRATA_HOST_DEVICE void update(float& weight, float gradient, float rate) const {
    weight -= rate * (gradient + decay * weight);
  }
};

// `velocity` is undefined without momentum. Each ends the step.
#define STRATA_SGD_UPDATE_KERNELS                                           \
  void sgd_update(const ops::SgdOptions& options, const Tensor& gradients,  \
                  ops::StepState& state, Tensor& weights, Tensor& velocity);
namespace reference { STRATA_SGD_UPDATE_KERNELS }
namespace cpu { STRATA_SGD_UPDATE_KERNELS }
namespace cuda { STRATA_SGD_UPDATE_KERNELS }
#undef STRATA_SGD_UPDATE_KERNELS

}  // namespace strata
