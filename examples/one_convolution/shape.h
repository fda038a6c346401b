// The one convolution of this lesson, as compile-time constants for the CPU and the GPU:
//
//   output[n,p,q,k] = sum over r,s,c of image[n, p + r, q + s, c] filter[k,r,s,c]
//
// Images lie in memory as NHWC (number, height, width, channel), filters as KRSC (filter, row,
// column, channel): the last index varies fastest.
#pragma once

#include "tensor/host_device.h"

namespace strata::one_convolution {

inline constexpr int kBatch = 8, kHeight = 28, kWidth = 28, kChannels = 1;
inline constexpr int kFilters = 8, kWindow = 5;  // a window of kWindow x kWindow
inline constexpr int kOutHeight = kHeight - kWindow + 1, kOutWidth = kWidth - kWindow + 1;

inline constexpr int kImageSize = kBatch * kHeight * kWidth * kChannels;
inline constexpr int kFilterSize = kFilters * kWindow * kWindow * kChannels;
inline constexpr int kOutputSize = kBatch * kOutHeight * kOutWidth * kFilters;

// On the GPU each output is computed by a thread of its own. Threads are launched in blocks of
// equal size, and all blocks of a launch together are its grid.
inline constexpr int kThreads = 128;                                     // in a block
inline constexpr int kBlocks = (kOutputSize + kThreads - 1) / kThreads;  // in the grid

/// Where an element lies. STRATA_HOST_DEVICE: compiled for both processors.
STRATA_HOST_DEVICE inline int image_index(int n, int h, int w, int c) {
  return ((n * kHeight + h) * kWidth + w) * kChannels + c;
}
STRATA_HOST_DEVICE inline int filter_index(int k, int r, int s, int c) {
  return ((k * kWindow + r) * kWindow + s) * kChannels + c;
}
STRATA_HOST_DEVICE inline int output_index(int n, int p, int q, int k) {
  return ((n * kOutHeight + p) * kOutWidth + q) * kFilters + k;
}

}  // namespace strata::one_convolution
