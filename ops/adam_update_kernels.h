// Adam's arithmetic for one element, for both compilers, and the kernels' signatures.
#pragma once

#include <cmath>

#include "ops/adam_update.h"
#include "tensor/host_device.h"

namespace strata {

/// The options as a kernel wants them: single precision, with what would cancel there (1 - beta) or
/// is dear (ln beta) taken in double.
struct AdamConstants {
  float beta1, beta2, fresh1, fresh2, log_beta1, log_beta2;
  float epsilon, coupled_decay, decoupled_decay;

  explicit AdamConstants(const ops::AdamOptions& options)
      : beta1(static_cast<float>(options.beta1)),
        beta2(static_cast<float>(options.beta2)),
        fresh1(static_cast<float>(1 - options.beta1)),
        fresh2(static_cast<float>(1 - options.beta2)),
        log_beta1(static_cast<float>(std::log(options.beta1))),
        log_beta2(static_cast<float>(std::log(options.beta2))),
        epsilon(static_cast<float>(options.epsilon)),
        coupled_decay(static_cast<float>(options.decoupled ? 0 : options.weight_decay)),
        decoupled_decay(static_cast<float>(options.decoupled ? options.weight_decay : 0)) {}
};

/// One step: what depends on t and l, then the update of an element.
struct AdamStep {
  AdamConstants constants;
  float rate, first_scale, second_scale;

  // 1 - beta^t as -expm1(t ln beta), which does not cancel for beta near 1. With beta = 0 the
  // logarithm is -inf and the result 1.
  STRATA_HOST_DEVICE AdamStep(const AdamConstants& constants, int32_t step, float learning_rate)
      : constants(constants),
        rate(learning_rate),
        first_scale(-1 / std::expm1(static_cast<float>(step + 1) * constants.log_beta1)),
        second_scale(-1 / std::expm1(static_cast<float>(step + 1) * constants.log_beta2)) {}

  STRATA_HOST_DEVICE void update(float& weight, float gradient, float& first, float& second) const {
    const float g = gradient + constants.coupled_decay * weight;
    first = constants.beta1 * first + constants.fresh1 * g;
    second = constants.beta2 * second + constants.fresh2 * g * g;
    const float direction =
        first * first_scale / (std::sqrt(second * second_scale) + constants.epsilon);
    weight -= rate * (direction + constants.decoupled_decay * weight);
  }
};

#define STRATA_ADAM_UPDATE_KERNELS                                                          \
  void adam_update(const ops::AdamOptions& options, const ops::StepState& state,            \
                   const Tensor& gradients, Tensor& weights, Tensor& first, Tensor& second);
namespace reference { STRATA_ADAM_UPDATE_KERNELS }
namespace cpu { STRATA_ADAM_UPDATE_KERNELS }
namespace cuda { STRATA_ADAM_UPDATE_KERNELS }
#undef STRATA_ADAM_UPDATE_KERNELS

}  // namespace strata
