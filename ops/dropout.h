// Dropout: sets random elements to zero and scales the others up, so that the mean stays.
//
//   u_i = random_uniform(seed, stream * 2^32 + step, i)         tensor/random.h
//   y_i = x_i / (1 - rate) if u_i >= rate, otherwise 0
//   dL/dx_i = g_i / (1 - rate) if u_i >= rate, otherwise 0
//
// Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout", JMLR 15, 2014, scaled in
// training instead of evaluation (section 10). The mask is drawn again in the backward pass instead
// of being stored. This function always drops; evaluation mode is the layer's business.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// Which mask is drawn: the same numbers give the same mask on every device and rung.
struct DropoutState {
  uint64_t seed = 0;
  /// Of this place in the model, below 2^32: two dropouts of a model need two streams. Count from
  /// 1, since initialisers and shuffling draw from the seed's first 2^32 streams, stream 0 here.
  uint64_t stream = 0;
  /// int32 (1) on the input's device, read by the kernel, so that a captured step draws a new mask
  /// on each replay; undefined means step 0. Backward reads it again: it must not advance between
  /// the forward pass and the backward pass.
  Tensor step = {};
};

/// Any shape; float32 or float64. `rate` 0 returns the input itself. Throws `invalid_argument` when
/// `rate` is not in [0, 1), the stream is too large, or the step is not one int32 on that device.
Tensor dropout(const Tensor& input, double rate, const DropoutState& state);

}  // namespace strata::ops
