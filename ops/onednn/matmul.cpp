#include "ops/matmul_kernels.h"

#include "ops/onednn/primitive.h"

namespace strata::onednn {
namespace {

/// A stack of matrices of rows x columns, each stored so or, transposed, as columns x rows.
Layout stack_layout(int64_t batch, int64_t rows, int64_t columns, bool transposed) {
  if (transposed) return {{batch, rows, columns}, {rows * columns, 1, rows}};
  return {{batch, rows, columns}, {rows * columns, columns, 1}};
}

}  // namespace

void matmul(const MatmulGeometry& g, const Tensor& a, const Tensor& b, Tensor& c) {
  const auto make = [&] {
    const Layout left = stack_layout(g.batch, g.m, g.k, g.transpose_a);
    const Layout right = stack_layout(g.batch, g.k, g.n, g.transpose_b);
    const Layout product = stack_layout(g.batch, g.m, g.n, /*transposed=*/false);
    return Primitive(g.to_string(), g.flops(), describe_matmul(left, right, product),
                     {{DNNL_ARG_SRC, left},
                      {DNNL_ARG_WEIGHTS, right},
                      {DNNL_ARG_DST, product, /*written=*/true}});
  };
  primitive(Kind::matmul, {g.batch, g.m, g.n, g.k, g.transpose_a, g.transpose_b}, make)
      .run({a.data<float>(), b.data<float>(), c.data<float>()});
}

}  // namespace strata::onednn
