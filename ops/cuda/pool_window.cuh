// The end of a convolutional stage's forward pass for one window: which pixel wins, and ReLU.
#pragma once

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cuda/max_or_nan.cuh"

namespace strata::cuda {

struct PooledWindow {
  float value;
  uint8_t winner;
};

/// `values` are those of the pixels (0, 0), (0, 1), (1, 0), (1, 1). The first of equal maxima wins.
/// Where one is NaN, so is the value, which keeps ReLU closed, and it matters to nobody which wins.
inline __device__ PooledWindow pool_window(const float (&values)[4]) {
  const float upper = max_or_nan(values[0], values[1]), lower = max_or_nan(values[2], values[3]);
  const float best = max_or_nan(upper, lower);
  const int in_upper = values[1] > values[0] ? 1 : 0, in_lower = values[3] > values[2] ? 3 : 2;
  const int winner = lower > upper ? in_lower : in_upper;
  return {max_or_nan(best, 0.0f), static_cast<uint8_t>(best > 0 ? winner : kNoWinner)};
}

}  // namespace strata::cuda
