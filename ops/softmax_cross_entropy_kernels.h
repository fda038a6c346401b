// The kernels' signatures of softmax_cross_entropy.
#pragma once

#include "ops/softmax_cross_entropy.h"

namespace strata {

struct CrossEntropyGeometry {
  int64_t rows, classes;
  /// Throws as ops::softmax_cross_entropy says, but for the labels' values.
  CrossEntropyGeometry(const Tensor& logits, const Tensor& labels);
};

// `loss` is one number; `grad_logits` takes its gradient, and is undefined when nobody wants it.
#define STRATA_CROSS_ENTROPY_KERNELS                                                     \
  void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits, \
                             const Tensor& labels, Tensor& loss, Tensor& grad_logits);
namespace reference { STRATA_CROSS_ENTROPY_KERNELS }
namespace cpu { STRATA_CROSS_ENTROPY_KERNELS }
namespace cuda { STRATA_CROSS_ENTROPY_KERNELS }
#undef STRATA_CROSS_ENTROPY_KERNELS

}  // namespace strata
