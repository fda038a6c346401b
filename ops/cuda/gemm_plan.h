// How a matrix product is cut into blocks: a pure function of its extents and the GPU's size.
//
// The same extents on the same GPU always give the same plan, and so the same order of summation.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/error.h"

namespace strata::cuda {

/// `batch` independent products C (m, n) = A (m, k) B (k, n).
struct GemmExtents {
  int64_t m, n, k, batch = 1;
};

/// The tile of C that one block of threads computes, and the part of it that one thread does. A
/// thread's part is a * b: for a + b values read from shared memory it does a b multiplications, so
/// larger is faster, as long as there are tiles enough for all multiprocessors.
struct TileSize {
  int m, n, thread_m, thread_n;
  constexpr int threads() const { return (m / thread_m) * (n / thread_n); }
};

enum class GemmTile {
  tall,    // few columns: the channels of a convolution
  square,  // many rows and columns
  small,   // small results: more blocks
};

constexpr TileSize size_of(GemmTile tile) {
  if (tile == GemmTile::tall) return {.m = 128, .n = 32, .thread_m = 8, .thread_n = 4};
  if (tile == GemmTile::square) return {.m = 64, .n = 64, .thread_m = 8, .thread_n = 4};
  return {.m = 32, .n = 32, .thread_m = 4, .thread_n = 4};
}

inline constexpr int kTileK = 16;  // how far one step goes along k

struct GemmPlan {
  GemmTile tile;
  int tiles_m, tiles_n;
  int splits;  // parts of k, each summed by its own block; above 1 a second kernel adds them up
  int k_per_split;  // a multiple of kTileK; the last part may be shorter
  int64_t blocks;
};

namespace plan {

// Extents and their sums with a tile must fit an int.
inline constexpr int64_t kMaxExtent = int64_t{1} << 30;
// Below this a block spends its time on starting and storing.
inline constexpr int64_t kMinKPerSplit = 4 * kTileK;
// Two halves save less time than adding them costs.
inline constexpr int64_t kMinSplits = 3;

inline int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

inline int64_t tiles(const GemmExtents& extents, GemmTile tile) {
  const TileSize size = size_of(tile);
  return divide_up(extents.m, size.m) * divide_up(extents.n, size.n) * extents.batch;
}

/// Blocks that keep one multiprocessor busy: enough warps to hide the latency of global memory
/// behind each other's arithmetic. A small tile has half the threads, and less work per load.
inline int64_t wanted_per_multiprocessor(GemmTile tile) {
  return tile == GemmTile::small ? 6 : 2;
}

/// The largest tile that is not mostly outside C and of which, cut along k if need be, there are
/// enough to keep the GPU busy.
inline GemmTile choose_tile(const GemmExtents& extents, int multiprocessors) {
  if (extents.m <= size_of(GemmTile::small).m) return GemmTile::small;
  const bool narrow = extents.n <= size_of(GemmTile::tall).n;
  const GemmTile tile = narrow ? GemmTile::tall : GemmTile::square;
  const int64_t available = tiles(extents, tile) * std::max<int64_t>(extents.k / kMinKPerSplit, 1);
  const int64_t wanted = wanted_per_multiprocessor(tile) * multiprocessors;
  return available >= wanted ? tile : GemmTile::small;
}

/// Few tiles and a long k (a weight gradient sums over every pixel of a batch): without cutting k,
/// most multiprocessors would have nothing to do.
inline int64_t choose_splits(const GemmExtents& extents, GemmTile tile, int multiprocessors) {
  const int64_t wanted = wanted_per_multiprocessor(tile) * multiprocessors;
  const int64_t splits = std::min(wanted / tiles(extents, tile), extents.k / kMinKPerSplit);
  return splits < kMinSplits ? 1 : splits;
}

}  // namespace plan

/// No extent but k may be 0. Throws `invalid_argument`, naming `op`, when an extent is too large.
inline GemmPlan plan_gemm(const char* op, const GemmExtents& extents, int multiprocessors) {
  const auto& [m, n, k, batch] = extents;
  check(std::max({m, n, k, batch}) <= plan::kMaxExtent,
        "{}: a product of {} x {} by {} x {}, {} times, is too large for one call on the GPU (at "
        "most 2^30 each); use a smaller batch",
        op, m, k, k, n, batch);
  const GemmTile tile = plan::choose_tile(extents, multiprocessors);
  const int64_t parts = plan::choose_splits(extents, tile, multiprocessors);
  const int64_t k_per_split = plan::divide_up(plan::divide_up(k, parts), kTileK) * kTileK;
  const int64_t splits = k == 0 ? 1 : plan::divide_up(k, k_per_split);
  const int64_t blocks = plan::tiles(extents, tile) * splits;
  check(blocks <= INT32_MAX,
        "{}: {} products of {} x {} need more blocks than the GPU takes; use "
        "a smaller batch",
        op, batch, m, n);
  return {.tile = tile,
          .tiles_m = static_cast<int>(plan::divide_up(m, size_of(tile).m)),
          .tiles_n = static_cast<int>(plan::divide_up(n, size_of(tile).n)),
          .splits = static_cast<int>(splits),
          .k_per_split = static_cast<int>(k_per_split),
          .blocks = blocks};
}

}  // namespace strata::cuda
