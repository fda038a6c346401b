// The ends of a convolutional stage on the CPU: from the convolution's rows to the pooled pixels,
// and from their gradients to the bias's.
#pragma once

#include <cstdint>

namespace strata::cpu {

/// One row of pooled pixels, from two rows of the convolution's.
struct PooledRow {
  const float* rows;
  int64_t row_stride, channels, count;
  const float* bias;  // null: none
  float* output;
  uint8_t* winners;         // null: not wanted; otherwise as stored by conv2d_relu_max_pool
  int32_t* winner_numbers;  // memory for the same before they are bytes
};

/// Max-pooling, bias and ReLU. Of equal pixels the first wins; NaN where one of them is.
void pool_row(const PooledRow& work);

struct OpenGradients {
  int64_t pixels, channels;
  const float* gradients;  // [pixel][channel]
  const uint8_t* winners;
  float* open;  // gradients, 0 where ReLU is closed
  float* sums;  // [channel]: their sums over the pixels are added
};
void open_gradients(const OpenGradients& work);

}  // namespace strata::cpu
