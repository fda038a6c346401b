#include <algorithm>
#include <cmath>

#include "ops/softmax_cross_entropy_kernels.h"

namespace strata::reference {
namespace {

template <class T>
double log_sum_of(const T* row, int64_t classes) {
  const T largest = *std::max_element(row, row + classes);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(double{row[c]} - largest);
  return largest + std::log(sum);
}

}  // namespace

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& loss, Tensor& grad_logits) {
  visit_floating(logits.dtype(), [&]<class T>(T) {
    const T scale = 1 / static_cast<T>(geometry.rows);
    double total = 0;
    for (int64_t n = 0; n < geometry.rows; ++n) {
      const T* row = logits.data<T>() + n * geometry.classes;
      const int32_t label = labels.data<int32_t>()[n];
      const double log_sum = log_sum_of(row, geometry.classes);
      total += log_sum - row[label];
      if (!grad_logits.defined()) continue;
      T* grad = grad_logits.data<T>() + n * geometry.classes;
      for (int64_t c = 0; c < geometry.classes; ++c) {
        const T probability = std::exp(row[c] - static_cast<T>(log_sum));
        grad[c] = scale * (probability - (c == label ? T(1) : T(0)));
      }
    }
    *loss.data<T>() = static_cast<T>(total / static_cast<double>(geometry.rows));
  });
}

}  // namespace strata::reference
