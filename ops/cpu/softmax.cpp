#include "ops/softmax_rows.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 4096;  // exponentials that are not worth another thread

int64_t rows_per_grain(const SoftmaxGeometry& geometry) {
  return std::max<int64_t>(1, kGrain / geometry.classes);
}

}  // namespace

void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input, Tensor& output) {
  const float* x = input.data<float>();
  float* y = output.data<float>();
  parallel_for(geometry.rows, rows_per_grain(geometry), [&](int64_t first, int64_t last) {
    for (int64_t i = first * geometry.classes; i < last * geometry.classes; i += geometry.classes)
      softmax_row<float>(kind, x + i, geometry.classes, y + i);
  });
}

void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_input) {
  const float* y = output.data<float>();
  const float* g = grad_output.data<float>();
  float* result = grad_input.data<float>();
  parallel_for(geometry.rows, rows_per_grain(geometry), [&](int64_t first, int64_t last) {
    for (int64_t i = first * geometry.classes; i < last * geometry.classes; i += geometry.classes)
      softmax_row_backward<float>(kind, y + i, g + i, geometry.classes, result + i);
  });
}

}  // namespace strata::cpu
