// The kernels' signatures of softmax_cross_entropy.
#pragma once

#include "ops/softmax_cross_entropy.h"

namespace strata {

struct CrossEntropyGeometry {
  int64_t rows, classes;
  /// Throws as ops::softmax_cross_entropy says, but for the labels' values.
  CrossEntropyGeometry(const Tensor& logits, const Tensor& labels);
};

// `log_sums` (N) takes ln sum_c e^(x[n,c]): with it, backward needs one pass over the logits.
// `loss` is one number.
#define STRATA_CROSS_ENTROPY_KERNELS                                                              \
  void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,          \
                             const Tensor& labels, Tensor& log_sums, Tensor& loss);               \
  void softmax_cross_entropy_backward(const CrossEntropyGeometry& geometry, const Tensor& logits, \
                                      const Tensor& labels, const Tensor& log_sums,               \
                                      const Tensor& grad_output, Tensor& grad_logits);
namespace reference { STRATA_CROSS_ENTROPY_KERNELS }
namespace cpu { STRATA_CROSS_ENTROPY_KERNELS }
namespace cuda { STRATA_CROSS_ENTROPY_KERNELS }
#undef STRATA_CROSS_ENTROPY_KERNELS

}  // namespace strata
