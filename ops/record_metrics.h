// What a training step leaves behind for whoever asks later, on the device, so that asking is the
// only time the host waits:
//
//   losses[step mod n] <- loss        correct[step mod n] <- correct <- 0
//   diverged_at <- step               if the loss is not finite and it is the first
//
// The count is moved because count_correct adds to it. All this runs before the optimizer, which
// then leaves the weights as they were.
#pragma once

#include "ops/step_state.h"

namespace strata::ops {

/// A ring over the last n steps: with n the steps of an epoch, an epoch's end finds just its own.
struct StepMetrics {
  Tensor losses;   // float32 (n)
  Tensor correct;  // int32 (n): right answers in the step's batch

  /// Zeros for n steps. Throws `invalid_argument` unless steps >= 1.
  static StepMetrics of(int64_t steps, Device device);
};

/// `loss` float32 and `correct` int32, one element each. Throws `invalid_argument` otherwise.
void record_metrics(const Tensor& loss, Tensor& correct, StepState& state, StepMetrics& metrics);

}  // namespace strata::ops
