// Convolutions as cuDNN describes them, to be planned, which needs no GPU; running them is
// ops/conv2d_kernels.h.
#pragma once

#include "ops/conv2d_kernels.h"
#include "ops/cudnn/graph.h"

namespace strata::cudnn {

enum class ConvPass { forward, grad_input, grad_weight };

// The tensors of the operation, as named to execute().
inline constexpr int64_t kImage = 1, kFilter = 2, kResult = 3;

/// The operation of one pass; `alignment` in bytes is what all addresses will keep.
Descriptor describe_conv2d(ConvPass pass, const Conv2dGeometry& geometry, int64_t alignment);

/// "conv2d_grad_weight of 256x28x28x1 by 24x5x5x1"
std::string words_for_conv2d(ConvPass pass, const Conv2dGeometry& geometry, int64_t alignment);

}  // namespace strata::cudnn
