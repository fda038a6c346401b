// One step of Adam or AdamW over flat buffers, in place.
//
//   t = step + 1,  l = learning rate
//   g = gradient + decay w                   (Adam; AdamW takes the gradient as it is)
//   m = beta1 m + (1 - beta1) g              v = beta2 v + (1 - beta2) g^2
//   u = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
//   w = w - l u                              (Adam)
//   w = w - l (u + decay w)                  (AdamW)
//
// Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1; Loshchilov
// and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2, with the decay
// scaled by l as every framework does. Weights and moments stay as they are once state.diverged_at
// is set: the weights then are those that made the loss go wrong. Either way this ends the step
// (ops/step_state.h).
#pragma once

#include "ops/step_state.h"

namespace strata::ops {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  // AdamW
};

/// All tensors float32, of one size and on one device. Throws `invalid_argument` otherwise, and
/// unless 0 <= beta < 1, epsilon > 0 and weight_decay >= 0.
void adam_update(Tensor& weights, const Tensor& gradients, Tensor& first_moment,
                 Tensor& second_moment, StepState& state, const AdamOptions& options);

}  // namespace strata::ops
