// All scalars that change from one training step to the next. They live on the device, so that a
// step captured once as a CUDA graph can be replayed, and nothing waits for the host.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

struct StepState {
  Tensor step;           // int32 (1): how many steps are done
  Tensor learning_rate;  // float32 (1): of the step that is under way
  Tensor
      diverged_at;  // int32 (1): the first step whose loss was not finite, -1 while there is none

  Device device() const { return step.device(); }
};

}  // namespace strata::ops
