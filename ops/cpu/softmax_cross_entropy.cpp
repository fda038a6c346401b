// Rows in parallel; the rows' losses are summed in their order, whatever the number of threads.
#include <algorithm>
#include <cmath>

#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 4096;  // exponentials that are not worth another thread

int64_t rows_per_grain(const CrossEntropyGeometry& geometry) {
  return std::max<int64_t>(1, kGrain / geometry.classes);
}

}  // namespace

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& log_sums, Tensor& loss) {
  const float* x = logits.data<float>();
  float* result = log_sums.data<float>();
  parallel_for(geometry.rows, rows_per_grain(geometry), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* row = x + n * geometry.classes;
      const float largest = *std::max_element(row, row + geometry.classes);
      float sum = 0;
      for (int64_t c = 0; c < geometry.classes; ++c) sum += std::exp(row[c] - largest);
      result[n] = largest + std::log(sum);
    }
  });
  double total = 0;
  const int32_t* label = labels.data<int32_t>();
  for (int64_t n = 0; n < geometry.rows; ++n)
    total += double{result[n]} - x[n * geometry.classes + label[n]];
  *loss.data<float>() = static_cast<float>(total / static_cast<double>(geometry.rows));
}

void softmax_cross_entropy_backward(const CrossEntropyGeometry& geometry, const Tensor& logits,
                                    const Tensor& labels, const Tensor& log_sums,
                                    const Tensor& grad_output, Tensor& grad_logits) {
  const float scale = *grad_output.data<float>() / static_cast<float>(geometry.rows);
  const float* x = logits.data<float>();
  float* result = grad_logits.data<float>();
  parallel_for(geometry.rows, rows_per_grain(geometry), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float log_sum = log_sums.data<float>()[n];
      const float* row = x + n * geometry.classes;
      float* grad = result + n * geometry.classes;
      for (int64_t c = 0; c < geometry.classes; ++c) grad[c] = scale * std::exp(row[c] - log_sum);
      grad[labels.data<int32_t>()[n]] -= scale;
    }
  });
}

}  // namespace strata::cpu
