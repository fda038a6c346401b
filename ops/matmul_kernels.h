// The geometry of a matrix product, derived and validated once, and the kernels' signature.
#pragma once

#include <string>

#include "ops/matmul.h"
#include "tensor/tensor.h"

namespace strata {

struct MatmulGeometry {
  int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
  Shape output_shape;

  /// Throws as ops::matmul says.
  MatmulGeometry(const Tensor& a, const Tensor& b, const ops::MatmulOptions& options);

  /// "4 products of 256x800 by 800x10, transposed: a"
  std::string to_string() const;
  double flops() const { return 2.0 * static_cast<double>(batch * m * n) * static_cast<double>(k); }
};

// c = op(a) op(b); c is written, not added to. k = 0 gives zeros.
#define STRATA_MATMUL_KERNELS \
  void matmul(const MatmulGeometry& geometry, const Tensor& a, const Tensor& b, Tensor& c);
namespace reference {
STRATA_MATMUL_KERNELS
}
namespace cpu {
STRATA_MATMUL_KERNELS
}
namespace cuda {
STRATA_MATMUL_KERNELS
}
namespace cublas {
STRATA_MATMUL_KERNELS
}
namespace onednn {
STRATA_MATMUL_KERNELS
}
#undef STRATA_MATMUL_KERNELS

}  // namespace strata
