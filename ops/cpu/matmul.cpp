#include "ops/matmul_kernels.h"

#include "ops/cpu/gemm.h"
#include "tensor/parallel.h"

namespace strata::cpu {

void matmul(const MatmulGeometry& geometry, const Tensor& a, const Tensor& b, Tensor& c) {
  const int64_t m = geometry.m, n = geometry.n, k = geometry.k;
  // Threads share one large product, or take small ones each.
  const int64_t grain = grain_for(m * n * k);
  parallel_for(geometry.batch, grain > 1 ? grain : geometry.batch, [&](int64_t begin, int64_t end) {
    for (int64_t product = begin; product < end; ++product) {
      const float* left = a.data<float>() + product * m * k;
      const float* right = b.data<float>() + product * k * n;
      gemm({.m = m,
            .n = n,
            .k = k,
            .a = matrix_view(left, geometry.transpose_a ? m : k, geometry.transpose_a),
            .b = matrix_view(right, geometry.transpose_b ? k : n, geometry.transpose_b),
            .c = c.data<float>() + product * m * n});
    }
  });
}

}  // namespace strata::cpu
