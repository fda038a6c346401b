// The end of a training step, on the device:
//
//   step <- step + 1
//   learning_rate <- schedule(step)
#pragma once

#include "ops/schedule.h"
#include "ops/step_state.h"

namespace strata::ops {

/// The state before the first step: step 0, its learning rate, not diverged.
StepState first_step(const Schedule& schedule, Device device);

void advance_step(StepState& state, const Schedule& schedule);

}  // namespace strata::ops
