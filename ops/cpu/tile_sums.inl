// The part of a tile whose sums are in registers at once: 3 x 3 vectors, or a column of 5.
constexpr int64_t kPartColumns = 3;
constexpr int64_t most_part_rows(int64_t columns) {
  return columns == 1 ? 5 : 3;
}

struct Part {
  int64_t first_row, first_column;
  int first_lane;
};

// A multiply-add takes some four cycles, and a processor begins up to two in each. A small tile
// sums several entries side by side, so that enough of them are under way.
constexpr int streams_for(int vectors) {
  return vectors == 1 ? 8 : vectors == 2 ? 4 : vectors <= 5 ? 2 : 1;
}

template <int kCount, int kRows, int kColumns>
void add_part(const TileSums& work, const Part& part) {
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
    Vector<float, kCount> sum[kStreams][kVectors];
#pragma GCC unroll 9
    for (int v = 0; v < kVectors; ++v) {
      sum[0][v] = load<kCount>(to + v / kColumns * work.sums_row + v % kColumns * work.sums_column);
#pragma GCC unroll 8
      for (int u = 1; u < kStreams; ++u) sum[u][v] = Vector<float, kCount>{};
    }
    for (; end - entry >= kStreams; entry += kStreams) {
#pragma GCC unroll 8
      for (int u = 0; u < kStreams; ++u) {
        const float* const from = source + entry[u].offset * work.unit;
#pragma GCC unroll 9
        for (int v = 0; v < kVectors; ++v)
          sum[u][v] += entry[u].scale * load<kCount>(from + v / kColumns * work.source_row +
                                                     v % kColumns * work.source_column);
      }
    }
    if constexpr (kStreams > 1) {
      for (; entry != end; ++entry) {
        const float* const from = source + entry->offset * work.unit;
#pragma GCC unroll 9
        for (int v = 0; v < kVectors; ++v)
          sum[0][v] += entry->scale * load<kCount>(from + v / kColumns * work.source_row +
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

template <int kCount>
void add_lanes(const TileSums& work, int first_lane) {
  for (int64_t column = 0; column < work.columns; column += kPartColumns) {
    const int64_t columns = std::min(work.columns - column, kPartColumns);
    const int64_t most_rows = most_part_rows(columns);
    for (int64_t row = 0; row < work.rows; row += most_rows) {
      const Part part{row, column, first_lane};
      switch (std::min(work.rows - row, most_rows) * 4 + columns) {
#define STRATA_PART(r, c)               \
  case r * 4 + c:                       \
    add_part<kCount, r, c>(work, part); \
    break;
        STRATA_PART(1, 1)
        STRATA_PART(2, 1)
        STRATA_PART(3, 1)
        STRATA_PART(4, 1)
        STRATA_PART(5, 1)
        STRATA_PART(1, 2)
        STRATA_PART(2, 2)
        STRATA_PART(3, 2)
        STRATA_PART(1, 3)
        STRATA_PART(2, 3)
        STRATA_PART(3, 3)
#undef STRATA_PART
      }
    }
  }
}

void add_tiles(const TileSums& work) {
  int lane = 0;
  for (; lane + kLanes <= work.width; lane += kLanes) add_lanes<kLanes>(work, lane);
  if constexpr (kLanes > 8)
    if (lane < work.width) add_lanes<8>(work, lane);
}
