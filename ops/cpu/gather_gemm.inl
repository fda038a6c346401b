// The tile of sums, two vectors of b and one of a fill the registers but for a few: 16 + 3 of 32,
// 12 + 3 of 16, and 6 + 3 pairs of 16 narrow ones.
constexpr int kWideLanes = kLanes < kColumnUnit ? kColumnUnit : kLanes;
constexpr int kMostWide = kLanes < kColumnUnit ? 1 : 2;
constexpr int kMostRows = kLanes == 16 ? 8 : 6;
constexpr int64_t kPanelWidth = kMostWide * kWideLanes;

// A block of b, 256 rows of a panel, stays in the first-level cache while rows of a pass by.
constexpr int64_t kDepthBlock = 256;

struct DepthBlock {
  int64_t begin, end;
  bool accumulate;
};

// A tile of c in registers: kRows rows of kWide vectors and, where kHalf is 1, one of 8 floats.
template <int kWide, int kHalf, int kRows>
void compute_tile(const GatherGemm& product, int64_t first_row, const DepthBlock& block) {
  using Wide = Vector<float, kWideLanes>;
  using Half = Vector<float, kColumnUnit>;
  constexpr int kWidth = kWideLanes * kWide + kColumnUnit * kHalf;
  constexpr int kTail = kWideLanes * kWide;
  const bool whole = product.columns == kWidth;
  float edge[kRows * kWidth];  // stands in for c where the tile is wider than c
  float* c = whole ? product.c + first_row * product.c_stride : edge;
  const int64_t c_stride = whole ? product.c_stride : kWidth;
  float* const true_c = product.c + first_row * product.c_stride;

  const float* rows[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) rows[i] = product.a + product.row_offsets[first_row + i];

  Wide wide[kRows][kWide + 1];
  Half half[kRows];
  if (block.accumulate) {
    if (!whole) {
      for (int i = 0; i < kRows; ++i)
        for (int j = 0; j < kWidth; ++j)
          edge[i * kWidth + j] = j < product.columns ? true_c[i * product.c_stride + j] : 0.0f;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v)
        wide[i][v] = load<kWideLanes>(c + i * c_stride + v * kWideLanes);
      if constexpr (kHalf == 1) half[i] = load<kColumnUnit>(c + i * c_stride + kTail);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) wide[i][v] = Wide{};
      half[i] = Half{};
    }
  }

  const float* b = product.b + block.begin * product.b_stride;
  for (int64_t l = block.begin; l < block.end; ++l, b += product.b_stride) {
    const int64_t offset = product.depth_offsets[l];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float x = rows[i][offset];
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) wide[i][v] += x * load<kWideLanes>(b + v * kWideLanes);
      if constexpr (kHalf == 1) half[i] += x * load<kColumnUnit>(b + kTail);
    }
  }

#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kWide; ++v) store(c + i * c_stride + v * kWideLanes, wide[i][v]);
    if constexpr (kHalf == 1) store(c + i * c_stride + kTail, half[i]);
  }
  if (!whole) {
    for (int i = 0; i < kRows; ++i)
      for (int64_t j = 0; j < product.columns; ++j)
        true_c[i * product.c_stride + j] = edge[i * kWidth + j];
  }
}

// All rows of c for one block of the depth, cut into tiles that differ by one row at most: a
// product of 25 rows makes 7, 6, 6 and 6, not three of 8 and one of 1.
template <int kWide, int kHalf>
void compute_rows(const GatherGemm& product, const DepthBlock& block) {
  const int64_t rows = static_cast<int64_t>(product.row_offsets.size());
  const int64_t tiles = (rows + kMostRows - 1) / kMostRows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = rows * tile / tiles;
    switch (rows * (tile + 1) / tiles - first) {
#define STRATA_TILE(n)                                                                  \
  case n:                                                                               \
    if constexpr (n <= kMostRows) compute_tile<kWide, kHalf, n>(product, first, block); \
    break;
      STRATA_TILE(1)
      STRATA_TILE(2)
      STRATA_TILE(3)
      STRATA_TILE(4)
      STRATA_TILE(5)
      STRATA_TILE(6)
      STRATA_TILE(7)
      STRATA_TILE(8)
#undef STRATA_TILE
    }
  }
}

void gather_gemm(const GatherGemm& product) {
  const int64_t units = round_up_to_unit(product.columns) / kColumnUnit;
  const int64_t depth = static_cast<int64_t>(product.depth_offsets.size());
  int64_t begin = 0;
  do {  // once for an empty sum too: it is zero
    const int64_t end = std::min(begin + kDepthBlock, depth);
    const DepthBlock block{begin, end, product.accumulate || begin > 0};
    constexpr int kUnits = kWideLanes / kColumnUnit;
    if (kUnits == 2 && units == 1) compute_rows<0, 1>(product, block);
    if (units == kUnits) compute_rows<1, 0>(product, block);
    if constexpr (kMostWide == 2) {
      if (kUnits == 2 && units == 3) compute_rows<1, 1>(product, block);
      if (units == 2 * kUnits) compute_rows<2, 0>(product, block);
    }
    begin = end;
  } while (begin < depth);
}
