// How a product on the tensor cores is cut into blocks: a pure function of its extents and the GPU.
//
// The same extents on the same GPU always give the same plan, and so the same order of summation.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "tensor/error.h"

namespace strata::cuda {

/// The tile of C that one block computes, its warps side by side, how many warps share the k of one
/// part of the tile, and how many blocks a multiprocessor has registers for.
struct TensorTileSize {
  int m, n, warps_m, warps_n, warps_k;
  int blocks_per_multiprocessor = 2;
  constexpr int threads() const { return warps_m * warps_n * warps_k * 32; }
  constexpr int warp_m() const { return m / warps_m; }
  constexpr int warp_n() const { return n / warps_n; }
};

/// The larger a tile, the fewer bytes are read for each product; the smaller, the more blocks there
/// are to read them.
enum class TensorTile { small, medium, large };

constexpr TensorTileSize size_of(TensorTile tile) {
  if (tile == TensorTile::small)
    return {.m = 32, .n = 32, .warps_m = 2, .warps_n = 2, .warps_k = 2};
  if (tile == TensorTile::medium)
    return {.m = 64, .n = 64, .warps_m = 2, .warps_n = 2, .warps_k = 2};
  return {
      .m = 128, .n = 128, .warps_m = 2, .warps_n = 4, .warps_k = 1, .blocks_per_multiprocessor = 1};
}

inline constexpr int kTensorTileK = 32;     // how far one step goes along k
inline constexpr int kMaxTensorSplits = 8;  // the largest thread-block cluster that every GPU takes
inline constexpr int kMaxTensorStages = 5;  // steps of k in shared memory at once
inline constexpr int kMinTensorStages = 2;  // one arrives while the other is multiplied
inline constexpr int kMaxPaddedRow = kTensorTileK + 8;  // what a line takes in shared memory

/// C (m, n) = A (m, k) B (k, n); `masked` when A is read together with a mask of its size.
struct TensorExtents {
  int64_t m, n, k;
  bool masked = false;
};

/// What of the GPU a plan depends on.
struct TensorLimits {
  int shared_bytes;  // that one block may use
  /// How many clusters of 1, 2, 4 and 8 blocks run at once with one block on a multiprocessor; 0
  /// where there are none. Fewer than the multiprocessors would hold: a cluster lies within one
  /// group of them (GPC).
  std::array<int, 4> clusters;

  int clusters_of(int blocks) const {
    return clusters[static_cast<size_t>(std::countr_zero(static_cast<unsigned>(blocks)))];
  }
};

struct TensorGemmPlan {
  TensorTile tile;
  int tiles_m, tiles_n;
  int steps;   // of k, kTensorTileK each; part s of them begins at steps s / splits
  int splits;  // blocks that share the k of one tile: 1, 2, 4 or 8, one cluster
  int64_t blocks;
};

// Of shared memory, for the bias and for what CUDA keeps of each block.
inline constexpr int kReservedBytes = 2048;

namespace tensor_plan {

inline int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Clocks of an H100, fitted to measurements of LeNet's products; other GPUs have other numbers in
// much the same proportions. A step of k is instructions: of a fragment, loads from shared memory
// and rounding, and of a product.
inline constexpr double kClocksPerStep = 365;
inline constexpr double kClocksPerFragment = 2;   // of 32 elements
inline constexpr double kClocksPerMma = 0.9;      // 16 x 8 x 8, besides its fragments
inline constexpr double kPeerBytesPerClock = 24;  // from the shared memory of a neighbour
inline constexpr double kClusterClocks = 700;  // two barriers and the first load from a neighbour

/// Rows of A and of its mask, and columns of B.
inline int lines_of(const TensorExtents& extents, TensorTile tile) {
  return size_of(tile).m * (extents.masked ? 2 : 1) + size_of(tile).n;
}

inline bool fits(const TensorExtents& extents, TensorTile tile, int shared_bytes) {
  const int stage = lines_of(extents, tile) * kMaxPaddedRow * 4;
  return kMinTensorStages * stage + kReservedBytes <= shared_bytes;
}

/// Fragments that the warps of a block load in a step.
inline int fragments_of(const TensorExtents& extents, TensorTile tile) {
  const TensorTileSize size = size_of(tile);
  const int of_a = size.m / 8 * size.warps_n * (extents.masked ? 2 : 1);
  const int of_b = size.n / 8 * size.warps_m;
  return (of_a + of_b) * 2 * kTensorTileK / 8;
}

/// How long the GPU takes for a product cut in this way, launch and first load left out. Up to two
/// blocks share a multiprocessor, where their instructions add up.
inline double clocks(const TensorExtents& extents, TensorTile tile, int splits,
                     const TensorLimits& limits) {
  const TensorTileSize size = size_of(tile);
  const int64_t tiles = divide_up(extents.m, size.m) * divide_up(extents.n, size.n);
  const int64_t at_once = limits.clusters_of(splits);
  const int64_t shared_by =
      std::clamp<int64_t>(divide_up(tiles, at_once), 1, size.blocks_per_multiprocessor);
  const int64_t rounds = divide_up(tiles, at_once * shared_by);
  const int64_t steps = divide_up(divide_up(extents.k, kTensorTileK), splits);
  const double products = size.m / 16.0 * (size.n / 8.0) * (kTensorTileK / 8.0);
  const auto together = static_cast<double>(shared_by);
  const double step =
      kClocksPerStep +
      together * (kClocksPerFragment * fragments_of(extents, tile) + kClocksPerMma * products);
  const double sums = size.m * size.n * 4 / kPeerBytesPerClock;
  const double add = splits > 1 ? together * (kClusterClocks + sums) : 0;
  return static_cast<double>(rounds) * (static_cast<double>(steps) * step + add);
}

/// A way to cut.
struct Cut {
  TensorTile tile;
  int splits;
  double clocks;
  int64_t blocks;
};

inline std::vector<Cut> cuts_of(const TensorExtents& extents, const TensorLimits& limits) {
  const int64_t steps = divide_up(extents.k, kTensorTileK);
  std::vector<Cut> cuts;
  for (const TensorTile tile : {TensorTile::large, TensorTile::medium, TensorTile::small}) {
    if (!fits(extents, tile, limits.shared_bytes)) continue;
    const int64_t tiles =
        divide_up(extents.m, size_of(tile).m) * divide_up(extents.n, size_of(tile).n);
    for (int splits = 1; splits <= kMaxTensorSplits; splits *= 2) {
      if (splits > 1 && (splits > steps || limits.clusters_of(splits) == 0)) break;
      cuts.push_back({tile, splits, clocks(extents, tile, splits, limits), tiles * splits});
    }
  }
  return cuts;
}

/// The cheapest; but where a tile not larger than its gives more blocks, no more than there are
/// multiprocessors, and costs little more, the most blocks: in a training step the operands were
/// written a moment ago, and more multiprocessors that ask at once have them sooner.
inline Cut best_cut(const TensorExtents& extents, const TensorLimits& limits) {
  constexpr double kLittleMore = 1.15;
  const std::vector<Cut> cuts = cuts_of(extents, limits);
  const Cut cheapest = *std::min_element(
      cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.clocks < b.clocks; });
  Cut best = cheapest;
  for (const Cut& cut : cuts)
    if (cut.tile <= cheapest.tile && cut.clocks <= kLittleMore * cheapest.clocks &&
        cut.blocks <= limits.clusters_of(1) && cut.blocks > best.blocks)
      best = cut;
  return best;
}

}  // namespace tensor_plan

/// Throws `invalid_argument`, naming the op, when an extent does not fit 32-bit arithmetic.
inline TensorGemmPlan plan_tensor_gemm(const char* op, const TensorExtents& extents,
                                       const TensorLimits& limits) {
  const auto& [m, n, k, masked] = extents;
  constexpr int64_t kMaxExtent = int64_t{1} << 30;
  check(std::max({m, n, k}) <= kMaxExtent, "{}: a product of {} x {} by {} x {} is too large", op,
        m, k, k, n);
  const tensor_plan::Cut cut = tensor_plan::best_cut(extents, limits);
  check(cut.blocks <= INT32_MAX, "{}: a product of {} x {} needs more blocks than the GPU takes",
        op, m, n);
  return {.tile = cut.tile,
          .tiles_m = static_cast<int>(tensor_plan::divide_up(m, size_of(cut.tile).m)),
          .tiles_n = static_cast<int>(tensor_plan::divide_up(n, size_of(cut.tile).n)),
          .steps = static_cast<int>(tensor_plan::divide_up(k, kTensorTileK)),
          .splits = cut.splits,
          .blocks = cut.blocks};
}

/// How many steps of k a block keeps in shared memory: as many as it has and may, so that all loads
/// of a short k are under way at once; one is being multiplied while the others arrive. Blocks of
/// the smaller tiles leave room for a second one, of this kernel or of one that runs beside it.
inline int stages_of(const TensorGemmPlan& plan, int stage_bytes, const TensorLimits& limits) {
  const int budget =
      limits.shared_bytes / size_of(plan.tile).blocks_per_multiprocessor - kReservedBytes;
  const auto steps = static_cast<int>(tensor_plan::divide_up(plan.steps, plan.splits));
  return std::clamp(std::min(budget / stage_bytes, steps + 1), kMinTensorStages, kMaxTensorStages);
}

}  // namespace strata::cuda
