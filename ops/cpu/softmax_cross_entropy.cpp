// Rows in parallel; the rows' losses are summed in their order, whatever the number of threads.
#include <algorithm>
#include <cmath>

#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 4096;  // exponentials that are not worth another thread

float log_sum_of(const float* row, int64_t classes) {
  const float largest = *std::max_element(row, row + classes);
  float sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(row[c] - largest);
  return largest + std::log(sum);
}

}  // namespace

void softmax_cross_entropy(const CrossEntropyGeometry& geometry, const Tensor& logits,
                           const Tensor& labels, Tensor& loss, Tensor& grad_logits) {
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor log_sums = Tensor::empty({geometry.rows});
  const float scale = 1 / static_cast<float>(geometry.rows);
  const float* x = logits.data<float>();
  const int32_t* label = labels.data<int32_t>();
  float* gradient = grad_logits.defined() ? grad_logits.data<float>() : nullptr;
  parallel_for(geometry.rows, std::max<int64_t>(1, kGrain / geometry.classes),
               [&, log_sum_of_row = log_sums.data<float>()](int64_t begin, int64_t end) {
                 for (int64_t n = begin; n < end; ++n) {
                   const float* row = x + n * geometry.classes;
                   const float log_sum = log_sum_of_row[n] = log_sum_of(row, geometry.classes);
                   if (!gradient) continue;
                   float* grad = gradient + n * geometry.classes;
                   for (int64_t c = 0; c < geometry.classes; ++c)
                     grad[c] = scale * std::exp(row[c] - log_sum);
                   grad[label[n]] -= scale;
                 }
               });
  double total = 0;
  for (int64_t n = 0; n < geometry.rows; ++n)
    total += double{log_sums.data<float>()[n]} - x[n * geometry.classes + label[n]];
  *loss.data<float>() = static_cast<float>(total / static_cast<double>(geometry.rows));
}

}  // namespace strata::cpu
