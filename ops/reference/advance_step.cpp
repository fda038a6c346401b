#include "ops/advance_step_kernels.h"

namespace strata::reference {

void advance_step(const ops::Schedule& schedule, ops::StepState& state) {
  const int32_t next = ++*state.step.data<int32_t>();
  *state.learning_rate.data<float>() = schedule.at(next);
}

}  // namespace strata::reference
