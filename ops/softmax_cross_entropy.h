// The loss of a classifier, in one op: softmax, the logarithm and the mean over the batch.
//
//   L = 1/N sum over n of (ln sum_c e^(x[n,c]) - x[n, label_n])
//   dL/dx[n,c] = g / N (softmax(x_n)[c] - [c = label_n])          g the gradient of L, a number
//
// The logarithm of the sum is taken relative to the row's maximum, so that no exponential
// overflows. The gradient for g = 1 takes hardly more than the loss itself, so both come from one
// pass over the logits, and the backward pass of a loss that nothing else was made of costs
// nothing. Equal to -mean of log_softmax at the labels, which its test compares it with.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// `logits` (N, C) float, `labels` (N) int32 in [0, C); the result is a scalar (). Throws
/// `invalid_argument` when shapes, dtypes or devices do not fit, for an empty batch, and, on the
/// CPU, for a label out of range. On the GPU nobody waits to look: such a label makes the loss NaN.
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels);

}  // namespace strata::ops
