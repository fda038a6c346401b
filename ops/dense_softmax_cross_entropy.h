// The end of a classifier in one op: a dense layer without activation, whose outputs are the logits
// of a softmax cross-entropy.
//
//   z = x W^T + b
//   L_n = ln sum_c e^(z[n,c]) - z[n, label_n],     L = 1/N sum over n of L_n
//   dL/dz[n,c] = g / N (softmax(z_n)[c] - [c = label_n])          g the gradient of L, a number
//   dL/dx = dL/dz W,   dL/dW = (dL/dz)^T x,   dL/db = sum over rows of dL/dz
//
// Equal to softmax_cross_entropy(dense(x, W, b), labels), which its test compares it with, and
// which it is wherever the following does not hold: it runs on the GPU on this project's own
// kernels, with at most 16 outputs and with inputs that are a multiple of 4 and at most 256. There
// one kernel computes z, every L_n, and for g = 1 dL/dz and dL/dx: otherwise three that wait for
// one another, each of which takes hardly longer than the wait.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

struct ClassificationLoss {
  Tensor loss;    // (), what backward() starts from
  Tensor losses;  // the rows' (N), or their mean alone; without autograd's record
  Tensor logits;  // (N, O), likewise
};

enum class LossValue {
  ready,
  /// `loss` is there for backward() alone and holds NaN where its value would cost a kernel. A sum
  /// over all rows waits for all blocks of the kernel that made them, and what is queued next would
  /// wait for the sum; whoever wants the number takes the mean of `losses`, on a Branch
  /// (tensor/branch.h), say.
  left_out,
};

/// `input` (N, I) float or, under Precision::bf16, bfloat16; `weight` (O, I); `bias` (O) or
/// undefined; `labels` (N) int32 in [0, O). Throws as dense() and softmax_cross_entropy() do; on
/// the GPU a label out of range makes the loss NaN.
ClassificationLoss dense_softmax_cross_entropy(const Tensor& input, const Tensor& weight,
                                               const Tensor& bias, const Tensor& labels,
                                               LossValue value = LossValue::ready);

}  // namespace strata::ops
