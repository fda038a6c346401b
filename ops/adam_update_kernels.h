// Adam's arithmetic for one element, for both compilers, and the kernels' signatures.
#pragma once

#include <cmath>

#include "ops/adam_update.h"
#include "tensor/host_device.h"

namespace strata {

/// The options as a kernel wants them: single precision, with what would cancel there (1 - beta) or
/// is dear (ln beta) taken in double.
struct AdamRule {
  float beta1, beta2, fresh1, fresh2, log_beta1, log_beta2;
  float epsilon, coupled_decay, decoupled_decay;

  explicit AdamRule(const ops::AdamOptions& options)
      : beta1(static_cast<float>(options.beta1)),
        beta2(static_cast<float>(options.beta2)),
        fresh1(static_cast<float>(1 - options.beta1)),
        fresh2(static_cast<float>(1 - options.beta2)),
        log_beta1(static_cast<float>(std::log(options.beta1))),
        log_beta2(static_cast<float>(std::log(options.beta2))),
        epsilon(static_cast<float>(options.epsilon)),
        coupled_decay(static_cast<float>(options.decoupled ? 0 : options.weight_decay)),
        decoupled_decay(static_cast<float>(options.decoupled ? options.weight_decay : 0)) {}

  /// What all elements of a step share.
  struct Scalars {
    float rate, first_scale, second_scale;
  };

  // 1 - beta^t as -expm1(t ln beta), which does not cancel for beta near 1. With beta = 0 the
  // logarithm is -inf and the result 1.
  STRATA_HOST_DEVICE Scalars at(int32_t step, float learning_rate) const {
    const float t = static_cast<float>(step + 1);
    return {learning_rate, -1 / std::expm1(t * log_beta1), -1 / std::expm1(t * log_beta2)};
  }

  STRATA_HOST_DEVICE void update(const Scalars& now, float& weight, float gradient, float& first,
                                 float& second) const {
    const float g = gradient + coupled_decay * weight;
    first = beta1 * first + fresh1 * g;
    second = beta2 * second + fresh2 * g * g;
    const float direction =
        first * now.first_scale / (std::sqrt(second * now.second_scale) + epsilon);
    weight -= now.rate * (direction + decoupled_decay * weight);
  }
};

// Each ends the step.
#define STRATA_ADAM_UPDATE_KERNELS                                                  \
  void adam_update(const ops::AdamOptions& options, const Tensor& gradients,        \
                   ops::StepState& state, Tensor& weights, Tensor& first, Tensor& second);
namespace reference { STRATA_ADAM_UPDATE_KERNELS }
namespace cpu { STRATA_ADAM_UPDATE_KERNELS }
namespace cuda { STRATA_ADAM_UPDATE_KERNELS }
#undef STRATA_ADAM_UPDATE_KERNELS

}  // namespace strata
