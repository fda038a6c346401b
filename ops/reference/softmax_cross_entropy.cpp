#include <algorithm>
#include <cmath>

#include "ops/softmax_cross_entropy_kernels.h"

namespace strata::reference {

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& log_sums, Tensor& loss) {
  visit_floating(logits.dtype(), [&]<class T>(T) {
    double total = 0;
    for (int64_t n = 0; n < geometry.rows; ++n) {
      const T* row = logits.data<T>() + n * geometry.classes;
      const T largest = *std::max_element(row, row + geometry.classes);
      double sum = 0;
      for (int64_t c = 0; c < geometry.classes; ++c) sum += std::exp(double{row[c]} - largest);
      const double log_sum = largest + std::log(sum);
      log_sums.data<T>()[n] = static_cast<T>(log_sum);
      total += log_sum - row[labels.data<int32_t>()[n]];
    }
    *loss.data<T>() = static_cast<T>(total / static_cast<double>(geometry.rows));
  });
}

void softmax_cross_entropy_backward(const CrossEntropyGeometry& geometry, const Tensor& logits,
                                    const Tensor& labels, const Tensor& log_sums,
                                    const Tensor& grad_output, Tensor& grad_logits) {
  visit_floating(logits.dtype(), [&]<class T>(T) {
    const T scale = *grad_output.data<T>() / static_cast<T>(geometry.rows);
    for (int64_t n = 0; n < geometry.rows; ++n) {
      const T* row = logits.data<T>() + n * geometry.classes;
      T* grad = grad_logits.data<T>() + n * geometry.classes;
      for (int64_t c = 0; c < geometry.classes; ++c) {
        const T probability = std::exp(row[c] - log_sums.data<T>()[n]);
        grad[c] = scale * (probability - (c == labels.data<int32_t>()[n] ? T(1) : T(0)));
      }
    }
  });
}

}  // namespace strata::reference
