// The gradients behind a max-pooling, sorted for the sums that need them (ops/cpu/tile_sums.h): one
// list for each filter, or one for each pixel of the convolution. Zeros are left out; the others
// keep their order.
#pragma once

#include <cstdint>

#include "ops/cpu/tile_sums.h"

namespace strata::cpu {

/// Windows of 2 x 2 pixels, one after the other.
struct PooledWindows {
  int64_t count, filters;
  const float* gradients;  // [window][filter], at most one of a window's pixels has it
  const uint8_t* winners;  // which: 0 to 3; any number where the gradient is 0
};

/// A list may be written up to a whole vector of entries.
constexpr int64_t list_capacity(int64_t entries) {
  constexpr int64_t kVector = 8;
  return (entries + kVector - 1) / kVector * kVector;
}

struct ListsByFilter {
  /// Filters of one call: their lists stay in the first cache until they have been added up, and
  /// what is read of a window is contiguous.
  static constexpr int64_t kMost = 8;

  PooledWindows windows;
  int64_t first, filters;  // which, at most kMost
  const int32_t* corners;  // [window][place]: what an entry says of a pixel
  TileEntry* lists;        // filter first + i's from i list_capacity(windows.count)
  int32_t* counts;         // of entries, [filters]
};
void sort_by_filter(const ListsByFilter& work);

struct ListsByPixel {
  PooledWindows windows;  // whole rows
  int64_t windows_wide;   // of a row
  int64_t width;          // of the convolution's rows, at least 2 windows_wide
  TileEntry* lists;       // pixel i's from i list_capacity(windows.filters): filter and gradient
  int32_t* counts;        // of entries, [2 count / windows_wide][width]
};
void sort_by_pixel(const ListsByPixel& work);

}  // namespace strata::cpu
