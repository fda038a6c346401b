#include "ops/matmul_kernels.h"

namespace strata::reference {

void matmul(const MatmulGeometry& geometry, const Tensor& a, const Tensor& b, Tensor& c) {
  const auto [batch, m, n, k, transpose_a, transpose_b, output_shape] = geometry;
  // A step along a row or a column of op(X), in elements of X.
  const int64_t a_row = transpose_a ? 1 : k, a_column = transpose_a ? m : 1;
  const int64_t b_row = transpose_b ? 1 : n, b_column = transpose_b ? k : 1;
  visit_floating(c.dtype(), [&, m = m, n = n, k = k, batch = batch]<class T>(T) {
    for (int64_t product = 0; product < batch; ++product) {
      const T* left = a.data<T>() + product * m * k;
      const T* right = b.data<T>() + product * k * n;
      T* result = c.data<T>() + product * m * n;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          T sum = 0;
          for (int64_t l = 0; l < k; ++l)
            sum += left[i * a_row + l * a_column] * right[l * b_row + j * b_column];
          result[i * n + j] = sum;
        }
      }
    }
  });
}

}  // namespace strata::reference
