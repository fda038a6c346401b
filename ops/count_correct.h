// How many rows of a batch are classified correctly, counted where the batch is.
//
//   count += number of rows n with arg max_c logits[n,c] = labels[n]
//
// The first of equal maxima counts; a row that holds a NaN counts as wrong. No gradient.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

/// `logits` (N, C) float, `labels` (N) int32, `count` int32 with one element, which is added to.
/// Throws `invalid_argument` when shapes, dtypes or devices do not fit.
void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count);

}  // namespace strata::ops
