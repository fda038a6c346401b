// The kernel's signature of count_correct, and the decision about one row.
#pragma once

#include "ops/count_correct.h"
#include "tensor/host_device.h"

namespace strata {

/// Whether the first maximum of a row is at `label`, and nothing in it is NaN.
template <class T>
STRATA_HOST_DEVICE bool is_classified_as(const T* row, int64_t classes, int32_t label) {
  int64_t best = 0;
  for (int64_t c = 0; c < classes; ++c) {
    if (row[c] != row[c]) return false;
    if (row[c] > row[best]) best = c;
  }
  return best == label;
}

#define STRATA_COUNT_CORRECT_KERNELS \
  void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count);
namespace reference { STRATA_COUNT_CORRECT_KERNELS }
namespace cpu { STRATA_COUNT_CORRECT_KERNELS }
namespace cuda { STRATA_COUNT_CORRECT_KERNELS }
#undef STRATA_COUNT_CORRECT_KERNELS

}  // namespace strata
