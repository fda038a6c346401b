// One step of stochastic gradient descent over flat buffers, in place.
//
//   l = learning rate,  g = gradient + decay w
//   v = momentum v + g
//   w = w - l v                      (momentum; without it v = g and is not kept)
//   w = w - l (g + momentum v)       (Nesterov)
//
// Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
// learning", ICML 2013, section 2, with l outside the velocity, so that a schedule acts at once.
// Weights and velocity stay as they are once state.diverged_at is set. Either way this ends the
// step (ops/step_state.h).
#pragma once

#include "ops/step_state.h"

namespace strata::ops {

struct SgdOptions {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

/// `velocity` is undefined without momentum. All tensors float32, of one size and on one device.
/// Throws `invalid_argument` otherwise, unless 0 <= momentum < 1 and weight_decay >= 0, and for
/// Nesterov without momentum.
void sgd_update(Tensor& weights, const Tensor& gradients, Tensor& velocity, StepState& state,
                const SgdOptions& options);

}  // namespace strata::ops
