#include "ops/cpu/gather_gemm.h"

#include <algorithm>

#include "ops/cpu/instructions.h"
#include "ops/cpu/vector.h"

namespace strata::cpu {
namespace {

// A block of b, 256 rows of a panel, stays in the first-level cache while rows of a pass by.
constexpr int64_t kDepthBlock = 256;

struct DepthBlock {
  int64_t begin, end;
  bool accumulate;
};

// A tile of c in registers: kRows rows of kWide vectors of kLanes and, where kHalf is 1, one of 8.
// Every function here is inlined into its caller, down from a variant that names its processor.
template <int kLanes, int kWide, int kHalf, int kRows>
[[gnu::always_inline]] inline void compute_tile(const GatherGemm& product, int64_t first_row,
                                                const DepthBlock& block) {
  using Wide = Vector<float, kLanes>;
  using Half = Vector<float, kColumnUnit>;
  constexpr int kWidth = kLanes * kWide + kColumnUnit * kHalf;
  constexpr int kTail = kLanes * kWide;
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
      for (int v = 0; v < kWide; ++v) wide[i][v] = load<kLanes>(c + i * c_stride + v * kLanes);
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
      for (int v = 0; v < kWide; ++v) wide[i][v] += x * load<kLanes>(b + v * kLanes);
      if constexpr (kHalf == 1) half[i] += x * load<kColumnUnit>(b + kTail);
    }
  }

#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kWide; ++v) store(c + i * c_stride + v * kLanes, wide[i][v]);
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
template <int kLanes, int kWide, int kHalf, int kRows>
[[gnu::always_inline]] inline void compute_rows(const GatherGemm& product,
                                                const DepthBlock& block) {
  const int64_t rows = static_cast<int64_t>(product.row_offsets.size());
  const int64_t tiles = (rows + kRows - 1) / kRows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = rows * tile / tiles;
    switch (rows * (tile + 1) / tiles - first) {
#define STRATA_TILE(n)                                                                      \
  case n:                                                                                   \
    if constexpr (n <= kRows) compute_tile<kLanes, kWide, kHalf, n>(product, first, block); \
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

template <int kLanes, int kMostWide, int kRows>
[[gnu::always_inline]] inline void compute_width(const GatherGemm& product) {
  const int64_t units = round_up_to_unit(product.columns) / kColumnUnit;
  const int64_t depth = static_cast<int64_t>(product.depth_offsets.size());
  int64_t begin = 0;
  do {  // once for an empty sum too: it is zero
    const int64_t end = std::min(begin + kDepthBlock, depth);
    const DepthBlock block{begin, end, product.accumulate || begin > 0};
    constexpr int kUnits = kLanes / kColumnUnit;
    if (kUnits == 2 && units == 1) compute_rows<kLanes, 0, 1, kRows>(product, block);
    if (units == kUnits) compute_rows<kLanes, 1, 0, kRows>(product, block);
    if constexpr (kMostWide == 2) {
      if (kUnits == 2 && units == 3) compute_rows<kLanes, 1, 1, kRows>(product, block);
      if (units == 2 * kUnits) compute_rows<kLanes, 2, 0, kRows>(product, block);
    }
    begin = end;
  } while (begin < depth);
}

/// What each processor's registers hold. `kMostWide` vectors of b and `kRows` rows of accumulators
/// fill them but for a few: 16 + 3 of 32, 12 + 3 of 16, and 6 + 3 pairs of 16 narrow ones.
struct Avx512Tile {
  static constexpr int kLanes = 16, kMostWide = 2, kRows = 8;
};
struct Avx2Tile {
  static constexpr int kLanes = 8, kMostWide = 2, kRows = 6;
};
struct BaselineTile {
  static constexpr int kLanes = 8, kMostWide = 1, kRows = 6;
};

template <class Tile>
[[gnu::always_inline]] inline void compute_product(const GatherGemm& product) {
  compute_width<Tile::kLanes, Tile::kMostWide, Tile::kRows>(product);
}

}  // namespace

STRATA_COMPILE_KERNEL(gather_gemm, const GatherGemm&, compute_product, Avx512Tile, Avx2Tile,
                      BaselineTile)

int64_t panel_width() {
  if (instructions() >= Instructions::avx512) return Avx512Tile::kLanes * Avx512Tile::kMostWide;
  if (instructions() == Instructions::avx2) return Avx2Tile::kLanes * Avx2Tile::kMostWide;
  return BaselineTile::kLanes * BaselineTile::kMostWide;
}

}  // namespace strata::cpu
