// The dense layer with few outputs, such as the last one of a classifier: a matrix product so
// narrow that a tile of it would be mostly empty. Float32 throughout, whatever the precision asked
// for; the input and its gradient may be stored as bfloat16.
#pragma once

#include <cstdint>

#include "ops/dense_kernels.h"

namespace strata::cuda {

inline constexpr int64_t kMaxNarrowOutputs = 16;

inline bool is_narrow(const DenseGeometry& geometry) {
  return geometry.outputs > 0 && geometry.outputs <= kMaxNarrowOutputs;
}

/// As cuda::dense, with T float or BFloat16; `bias` may be null.
template <class T>
void narrow_dense(const DenseGeometry& geometry, const T* input, const float* weight,
                  const float* bias, float* output);

/// dL/dx = g' W, where g' is grad_output, or grad_output [relu_output > 0] unless that is null.
template <class T>
void narrow_dense_grad_input(const DenseGeometry& geometry, const float* weight,
                             const float* grad_output, const float* relu_output, T* grad_input);

}  // namespace strata::cuda
