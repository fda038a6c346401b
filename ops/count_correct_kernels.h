// The kernel's signature of count_correct, the decision about one row, and the checks that
// record_metrics shares.
#pragma once

#include <string_view>

#include "ops/count_correct.h"
#include "tensor/host_device.h"

namespace strata {

/// Whether the first maximum of a row is at `label`, and nothing in it is NaN.
template <class T>
STRATA_HOST_DEVICE bool is_classified_as(const T* row, int64_t classes, int32_t label) {
  int64_t best = 0;
  T largest = row[0];
  bool all_numbers = true;  // no early return: the loads would wait for one another
  for (int64_t c = 0; c < classes; ++c) {
    const T value = row[c];
    all_numbers &= value == value;
    if (value > largest) {
      largest = value;
      best = c;
    }
  }
  return all_numbers && best == label;
}

/// Throws as ops::count_correct says of logits and labels; `op` names the caller.
void check_classification(std::string_view op, const Tensor& logits, const Tensor& labels);

#define STRATA_COUNT_CORRECT_KERNELS \
  void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count);
namespace reference { STRATA_COUNT_CORRECT_KERNELS }
namespace cpu { STRATA_COUNT_CORRECT_KERNELS }
namespace cuda { STRATA_COUNT_CORRECT_KERNELS }
#undef STRATA_COUNT_CORRECT_KERNELS

}  // namespace strata
