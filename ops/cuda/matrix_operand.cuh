// Matrices in memory as operands of the product in gemm.cuh.
#pragma once

#include <cstdint>

#include "ops/cuda/load_if.cuh"

namespace strata::cuda {

/// Element k of line i is data[i stride + k] along k, otherwise data[k stride + i].
template <bool kAlongK_>
struct MatrixOperand {
  static constexpr bool kAlongK = kAlongK_;
  using Line = int64_t;  // offsets
  using Step = int64_t;

  const float* data;
  int64_t stride;
  int64_t batch_stride = 0;

  __device__ void select(int64_t z) { data += z * batch_stride; }
  __device__ Line line(int i) const { return kAlongK ? i * stride : i; }
  __device__ Step step(int k) const { return kAlongK ? k : k * stride; }
  __device__ float at(Line line, Step step, bool wanted) const {
    return load_if(wanted, data + line + step);
  }
};

using LinesAlongK = MatrixOperand<true>;
using LinesAcrossK = MatrixOperand<false>;

}  // namespace strata::cuda
