// What the optimizers' ops have in common: their checks, and on the CPU the end of the step.
#pragma once

#include <initializer_list>
#include <string_view>

#include "ops/step_state.h"

namespace strata {

/// Throws `invalid_argument` unless all are float32, of the weights' shape and on the state's
/// device.
inline void check_update(std::string_view op, const Tensor& weights,
                         std::initializer_list<const Tensor*> others, const ops::StepState& state) {
  check(weights.dtype() == DType::float32, "{}: weights must be float32, got {}", op,
        weights.dtype());
  for (const Tensor* other : others) {
    check(other->dtype() == DType::float32 && other->shape() == weights.shape(),
          "{}: weights are float32 {}, another buffer is {} {}", op, weights.shape(),
          other->dtype(), other->shape());
    check(other->device() == weights.device(),
          "{}: weights are on the {}, another buffer on the {}", op, weights.device(),
          other->device());
  }
  check(state.device() == weights.device(), "{}: weights are on the {}, the step state on the {}",
        op, weights.device(), state.device());
}

/// The end of a step whose state is in host memory.
inline void end_step(ops::StepState& state) {
  const int32_t next = ++*state.step.data<int32_t>();
  *state.learning_rate.data<float>() = state.schedule.at(next);
}

}  // namespace strata
