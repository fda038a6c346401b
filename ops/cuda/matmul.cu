// A line of A is a row of op(a), a line of B a column of op(b); k runs along a line in memory for a
// plain `a` and a transposed `b`.
#include "ops/matmul_kernels.h"

#include "ops/cuda/gemm.cuh"
#include "ops/cuda/matrix_operand.cuh"

namespace strata::cuda {

void matmul(const MatmulGeometry& geometry, const Tensor& a, const Tensor& b, Tensor& c) {
  const auto& [batch, m, n, k, transpose_a, transpose_b, output_shape] = geometry;
  const float *left = a.data<float>(), *right = b.data<float>();
  const GemmExtents extents{m, n, k, batch};
  const GemmOutput output{.data = c.data<float>(), .row_stride = n, .batch_stride = m * n};
  const auto with_left = [&](const auto& lines) {
    if (transpose_b)
      run_gemm("matmul", extents, lines, LinesAlongK{right, k, k * n}, output);
    else
      run_gemm("matmul", extents, lines, LinesAcrossK{right, n, k * n}, output);
  };
  if (transpose_a)
    with_left(LinesAcrossK{left, m, m * k});
  else
    with_left(LinesAlongK{left, k, m * k});
}

}  // namespace strata::cuda
