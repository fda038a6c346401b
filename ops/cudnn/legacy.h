// Descriptors of cuDNN's precompiled calls (pooling, activation, softmax). The graph API would
// compile the same operations at run time, 0.2 to 0.6 seconds each; these start at once.
#pragma once

#include "tensor/cuda/cudnn_library.h"
#include "tensor/owned.h"
#include "tensor/shape.h"

namespace strata::cudnn {

using TensorDescriptor = Owned<cudnnTensorDescriptor_t>;

/// cuDNN's precompiled calls count in int. Throws `invalid_argument` when the value does not fit.
int extent(int64_t value);

/// A float32 NHWC tensor.
TensorDescriptor describe(int64_t n, int64_t h, int64_t w, int64_t c);

/// A float32 tensor of which only the number of elements matters.
TensorDescriptor describe_flat(int64_t size);

/// cuDNN's result = kOne * operation + kZero * previous result.
inline constexpr float kOne = 1, kZero = 0;

}  // namespace strata::cudnn
