#include "ops/count_correct_kernels.h"

namespace strata::reference {

void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count) {
  visit_floating(logits.dtype(), [&]<class T>(T) {
    const int64_t classes = logits.extent(1);
    for (int64_t n = 0; n < logits.extent(0); ++n) {
      if (is_classified_as(logits.data<T>() + n * classes, classes, labels.data<int32_t>()[n]))
        ++*count.data<int32_t>();
    }
  });
}

}  // namespace strata::reference
