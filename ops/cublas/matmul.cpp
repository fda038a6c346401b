// The matrix product: one call of cuBLASLt.
#include "ops/cublas/product.h"
#include "ops/matmul_kernels.h"

namespace strata::cublas {

void matmul(const MatmulGeometry& geometry, const Tensor& a, const Tensor& b, Tensor& c) {
  multiply({.batch = geometry.batch,
            .m = geometry.m,
            .n = geometry.n,
            .k = geometry.k,
            .transpose_a = geometry.transpose_a,
            .transpose_b = geometry.transpose_b},
           {a.data<float>(), b.data<float>(), c.data<float>()});
}

}  // namespace strata::cublas
