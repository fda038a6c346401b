#include "ops/sgd_update.h"

#include "ops/dispatch.h"
#include "ops/flat_update.h"
#include "ops/sgd_update_kernels.h"

namespace strata::ops {

void sgd_update(Tensor& weights, const Tensor& gradients, Tensor& velocity, StepState& state,
                const SgdOptions& options) {
  TraceScope trace(TraceLayer::op, "sgd_update");
  // Weights and velocity are read and written, gradients read.
  if (trace) trace->bytes = static_cast<double>(weights.bytes()) * (velocity.defined() ? 5 : 3);
  check(options.momentum >= 0 && options.momentum < 1 && options.weight_decay >= 0,
        "sgd_update: momentum must lie in [0, 1) and weight_decay be at least 0, got {} and {}",
        options.momentum, options.weight_decay);
  check(!options.nesterov || options.momentum > 0, "sgd_update: Nesterov needs a momentum above 0");
  check(velocity.defined() == (options.momentum > 0),
        "sgd_update: a velocity is kept with momentum and not without");
  if (velocity.defined())
    check_update("sgd_update", weights, {&gradients, &velocity}, state);
  else
    check_update("sgd_update", weights, {&gradients}, state);
  const Rung rung = choose_rung("sgd_update", weights);
  STRATA_DISPATCH(rung, sgd_update, options, gradients, state, weights, velocity);
}

}  // namespace strata::ops
