// A batch has a few hundred rows of a few classes: nothing that a second thread would speed up.
#include "ops/count_correct_kernels.h"

namespace strata::cpu {

void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count) {
  reference::count_correct(logits, labels, count);
}

}  // namespace strata::cpu
