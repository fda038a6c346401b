#include <cmath>

#include "ops/reduce_kernels.h"

namespace strata::reference {

void reduce(Reduction kind, const ReduceGeometry& geometry, const Tensor& input, Tensor& output,
            Tensor& positions) {
  const auto [outer, reduced, inner] = geometry;
  visit_floating(input.dtype(), [&]<class T>(T) {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        const T* x = input.data<T>() + o * reduced * inner + i;
        double sum = 0;
        int64_t best = 0;
        for (int64_t r = 0; r < reduced; ++r) {
          const T value = x[r * inner], best_value = x[best * inner];
          sum += value;
          if (value > best_value || (std::isnan(value) && !std::isnan(best_value))) best = r;
        }
        if (kind == Reduction::mean) sum /= static_cast<double>(reduced);
        output.data<T>()[o * inner + i] =
            kind == Reduction::max ? x[best * inner] : static_cast<T>(sum);
        if (kind == Reduction::max)
          positions.data<int32_t>()[o * inner + i] = static_cast<int32_t>(best);
      }
    }
  });
}

void reduce_backward(Reduction kind, const ReduceGeometry& geometry, const Tensor& positions,
                     const Tensor& grad_output, Tensor& grad_input) {
  const auto [outer, reduced, inner] = geometry;
  const int32_t* places = kind == Reduction::max ? positions.data<int32_t>() : nullptr;
  visit_floating(grad_output.dtype(), [&]<class T>(T) {
    const T* g = grad_output.data<T>();
    T* result = grad_input.data<T>();
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t r = 0; r < reduced; ++r) {
        for (int64_t i = 0; i < inner; ++i) {
          T grad = g[o * inner + i];
          if (kind == Reduction::mean) grad /= static_cast<T>(reduced);
          if (places && places[o * inner + i] != r) grad = 0;
          result[(o * reduced + r) * inner + i] = grad;
        }
      }
    }
  });
}

}  // namespace strata::reference
