#include "ops/adam_update.h"

#include "ops/adam_update_kernels.h"
#include "ops/dispatch.h"
#include "ops/flat_update.h"

namespace strata::ops {

void adam_update(Tensor& weights, const Tensor& gradients, Tensor& first_moment,
                 Tensor& second_moment, StepState& state, const AdamOptions& options) {
  TraceScope trace(TraceLayer::op, "adam_update");
  // Weights and moments are read and written, gradients read.
  if (trace) trace->bytes = static_cast<double>(weights.bytes()) * 7;
  check(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
        "adam_update: betas must lie in [0, 1), got {} and {}", options.beta1, options.beta2);
  check(options.epsilon > 0 && options.weight_decay >= 0,
        "adam_update: epsilon must be above 0 and weight_decay at least 0, got {} and {}",
        options.epsilon, options.weight_decay);
  check_update("adam_update", weights, {&gradients, &first_moment, &second_moment}, state);
  const Rung rung = choose_rung("adam_update", weights);
  STRATA_DISPATCH(rung, adam_update, options, gradients, state, weights, first_moment,
                  second_moment);
}

}  // namespace strata::ops
