#include "ops/cpu/tile_sums.h"

#include <algorithm>

#include "ops/cpu/instructions.h"
#include "ops/cpu/vector.h"

namespace strata::cpu {
namespace {

constexpr int kMostRows = 3, kMostColumns = 3;

/// The part of a tile that is summed in registers at once.
struct Part {
  int64_t first_row, first_column;
  int first_lane;
};

// A multiply-add takes some four cycles, and a processor begins up to two in each. A small tile sums
// several entries side by side, so that enough of them are under way.
constexpr int streams_for(int vectors) {
  return vectors == 1 ? 8 : vectors == 2 ? 4 : vectors <= 4 ? 2 : 1;
}

template <int kLanes, int kRows, int kColumns>
[[gnu::always_inline]] inline void add_part(const TileSums& work, const Part& part) {
  constexpr int kVectors = kRows * kColumns, kStreams = streams_for(kVectors);
  const float* const source = work.source + part.first_row * work.source_row +
                              part.first_column * work.source_column + part.first_lane;
  float* const sums = work.sums + part.first_row * work.sums_row +
                      part.first_column * work.sums_column + part.first_lane;
  for (size_t list = 0; list < work.sums_offsets.size(); ++list) {
    const TileEntry* entry = work.entries + static_cast<int64_t>(list) * work.capacity;
    const TileEntry* const end = entry + work.counts[list];
    if (entry == end) continue;
    float* const to = sums + work.sums_offsets[list];
    Vector<float, kLanes> sum[kStreams][kVectors];
#pragma GCC unroll 9
    for (int v = 0; v < kVectors; ++v) {
      sum[0][v] =
          load<kLanes>(to + v / kColumns * work.sums_row + v % kColumns * work.sums_column);
#pragma GCC unroll 8
      for (int u = 1; u < kStreams; ++u) sum[u][v] = Vector<float, kLanes>{};
    }
    for (; end - entry >= kStreams; entry += kStreams) {
#pragma GCC unroll 8
      for (int u = 0; u < kStreams; ++u) {
        const float* const from = source + entry[u].offset;
#pragma GCC unroll 9
        for (int v = 0; v < kVectors; ++v)
          sum[u][v] += entry[u].scale * load<kLanes>(from + v / kColumns * work.source_row +
                                                     v % kColumns * work.source_column);
      }
    }
    if constexpr (kStreams > 1) {
      for (; entry != end; ++entry) {
        const float* const from = source + entry->offset;
#pragma GCC unroll 9
        for (int v = 0; v < kVectors; ++v)
          sum[0][v] += entry->scale * load<kLanes>(from + v / kColumns * work.source_row +
                                                   v % kColumns * work.source_column);
      }
    }
#pragma GCC unroll 9
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 8
      for (int u = 1; u < kStreams; ++u) sum[0][v] += sum[u][v];
      store(to + v / kColumns * work.sums_row + v % kColumns * work.sums_column, sum[0][v]);
    }
  }
}

template <int kLanes>
[[gnu::always_inline]] inline void add_lanes(const TileSums& work, int first_lane) {
  for (int64_t row = 0; row < work.rows; row += kMostRows) {
    for (int64_t column = 0; column < work.columns; column += kMostColumns) {
      const Part part{row, column, first_lane};
      const int64_t rows = std::min<int64_t>(work.rows - row, kMostRows);
      const int64_t columns = std::min<int64_t>(work.columns - column, kMostColumns);
      switch (rows * 4 + columns) {
#define STRATA_PART(r, c)                 \
  case r * 4 + c:                         \
    add_part<kLanes, r, c>(work, part); \
    break;
        STRATA_PART(1, 1)
        STRATA_PART(1, 2)
        STRATA_PART(1, 3)
        STRATA_PART(2, 1)
        STRATA_PART(2, 2)
        STRATA_PART(2, 3)
        STRATA_PART(3, 1)
        STRATA_PART(3, 2)
        STRATA_PART(3, 3)
#undef STRATA_PART
      }
    }
  }
}

template <int kLanes>
[[gnu::always_inline]] inline void add_tiles_by(const TileSums& work) {
  int lane = 0;
  for (; lane + kLanes <= work.width; lane += kLanes) add_lanes<kLanes>(work, lane);
  if constexpr (kLanes > 8)
    if (lane < work.width) add_lanes<8>(work, lane);
}

}  // namespace

STRATA_COMPILE_KERNEL(add_tiles, const TileSums&, add_tiles_by, 16, 8, 4)

}  // namespace strata::cpu
