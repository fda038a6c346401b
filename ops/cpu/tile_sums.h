// The inner loop of a convolution's gradients where grad_output is mostly zero, as it is behind a
// max-pooling: only what is not zero is visited. With tiles of rows x columns vectors,
//
//   sums[list][r][s] += sum over the list's entries of
//                       scale * source[offset unit + r source_row + s source_column]
//
// The gradient of a filter is the sum of the image's patches that the filter met, scaled by the
// gradients there: a list holds a filter's patches. The gradient of a patch is the sum of the
// filters that it met: a list holds a patch's filters.
#pragma once

#include <cstdint>
#include <span>

namespace strata::cpu {

struct TileEntry {
  int32_t offset;  // into the source, in units of TileSums::unit floats
  float scale;
};

struct TileSums {
  int64_t rows, columns;
  int width;  // floats of a vector: 8 or 16
  const float* source;
  int64_t unit = 1;
  int64_t source_row, source_column;
  float* sums;
  int64_t sums_row, sums_column;
  std::span<const int64_t> sums_offsets;  // where each list's tile begins
  const TileEntry* entries;
  int64_t capacity;       // list i begins at entries + i capacity
  const int32_t* counts;  // and has so many
};

/// Sums in an order that depends on the lists alone.
void add_tiles(const TileSums& work);

}  // namespace strata::cpu
