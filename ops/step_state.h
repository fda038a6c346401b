// All scalars that change from one training step to the next. They live on the device, so that a
// step captured once as a CUDA graph can be replayed, and nothing waits for the host.
//
// An optimizer's update (ops/adam_update.h, ops/sgd_update.h) ends the step, whether it has changed
// weights or not:
//
//   step <- step + 1
//   learning_rate <- schedule(step)
#pragma once

#include "ops/schedule.h"
#include "tensor/tensor.h"

namespace strata::ops {

struct StepState {
  Schedule schedule;     // of the learning rate
  Tensor step;           // int32 (1): how many steps are done
  Tensor learning_rate;  // float32 (1): of the step that is under way
  Tensor diverged_at;    // int32 (1): the first step whose loss was not finite, -1: none

  Device device() const { return step.device(); }
};

/// The state before the first step: step 0, its learning rate, not diverged.
StepState first_step(const Schedule& schedule, Device device);

}  // namespace strata::ops
