// What a training step leaves behind for whoever asks later, on the device, so that asking is the
// only time the host waits:
//
//   losses[step mod n] <- loss                the mean of the losses given
//   correct[step mod n] <- right answers in the batch, as ops/count_correct.h counts them
//   diverged_at <- step               if the loss is not finite and it is the first
//
// All this runs before the optimizer, which then leaves the weights as they were, and ends the
// step.
#pragma once

#include "ops/step_state.h"

namespace strata::ops {

/// A ring over the last n steps: with n the steps of an epoch, an epoch's end finds just its own.
struct StepMetrics {
  Tensor losses;   // float32 (n)
  Tensor correct;  // int32 (n)

  /// Zeros for n steps. Throws `invalid_argument` unless steps >= 1.
  static StepMetrics of(int64_t steps, Device device);
};

/// `logits` (N, C) float, `labels` (N) int32, `losses` float32: one a row (N), whose mean is taken
/// here, or one number. Throws `invalid_argument` otherwise, and when devices differ.
void record_metrics(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                    StepState& state, StepMetrics& metrics);

}  // namespace strata::ops
