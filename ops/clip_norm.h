// Gradient clipping by the norm of all gradients together, in place and without waiting for the
// host.
//
//   n = sqrt(sum_i g_i^2),   g <- g (max_norm / n) where n > max_norm
//
// Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML
// 2013, algorithm 1. A norm that is not finite leaves the gradients as they are: scaling by 0 or
// NaN would hide which of them went wrong.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// The norm before clipping, float32 (1), summed in double and in an order that depends on the size
/// alone. Throws `invalid_argument` unless the gradients are float32 and max_norm > 0.
Tensor clip_norm(Tensor& gradients, double max_norm);

}  // namespace strata::ops
