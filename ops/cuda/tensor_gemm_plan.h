// How a product on the tensor cores is cut into blocks: a pure function of its extents and the GPU.
//
// The same extents on the same GPU always give the same plan, and so the same order of summation.
#pragma once

#include <algorithm>
#include <cstdint>

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
  int multiprocessors;
  int shared_bytes;  // that one block may use
  bool clusters;     // whether blocks can read each other's shared memory
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

// Clocks of an H100, measured or from its data sheet; other GPUs have other numbers in much the
// same proportions.
inline constexpr double kBytesPerClock = 28;      // from L2 into each of all multiprocessors
inline constexpr double kMaxBytesPerClock = 48;   // into one, when few are busy
inline constexpr double kPeerBytesPerClock = 32;  // from the shared memory of a neighbour
inline constexpr double kClocksPerMma = 1.9;      // 16 x 8 x 8 on one multiprocessor
inline constexpr double kClusterClocks = 500;  // two barriers and the first load from a neighbour

/// Rows of A and of its mask, and columns of B.
inline int lines_of(const TensorExtents& extents, TensorTile tile) {
  return size_of(tile).m * (extents.masked ? 2 : 1) + size_of(tile).n;
}

inline bool fits(const TensorExtents& extents, TensorTile tile, int shared_bytes) {
  const int stage = lines_of(extents, tile) * kMaxPaddedRow * 4;
  return kMinTensorStages * stage + kReservedBytes <= shared_bytes;
}

/// How long a multiprocessor works on a product cut in this way, launch and first load left out.
inline double clocks(const TensorExtents& extents, TensorTile tile, int splits,
                     int multiprocessors) {
  const TensorTileSize size = size_of(tile);
  const int64_t blocks = divide_up(extents.m, size.m) * divide_up(extents.n, size.n) * splits;
  const int64_t steps = divide_up(divide_up(extents.k, kTensorTileK), splits);
  const auto busy =
      static_cast<double>(std::min<int64_t>(std::max<int64_t>(blocks, 1), multiprocessors));
  const double rate = std::min(kBytesPerClock * multiprocessors / busy, kMaxBytesPerClock);
  const double load = lines_of(extents, tile) * kTensorTileK * 4 / rate;
  const double multiply = size.m / 16.0 * (size.n / 8.0) * (kTensorTileK / 8.0) * kClocksPerMma;
  const double add = splits > 1 ? kClusterClocks + size.m * size.n * 4 / kPeerBytesPerClock : 0;
  const auto rounds = static_cast<double>(divide_up(blocks, multiprocessors));
  return rounds * (static_cast<double>(steps) * std::max(load, multiply) + add);
}

}  // namespace tensor_plan

/// The cheapest of the few ways to cut; the first of equals, which has fewer and larger parts.
/// Throws `invalid_argument`, naming the op, when an extent does not fit 32-bit arithmetic.
inline TensorGemmPlan plan_tensor_gemm(const char* op, const TensorExtents& extents,
                                       const TensorLimits& limits) {
  const auto& [m, n, k, masked] = extents;
  constexpr int64_t kMaxExtent = int64_t{1} << 30;
  check(std::max({m, n, k}) <= kMaxExtent, "{}: a product of {} x {} by {} x {} is too large", op,
        m, k, k, n);
  const int64_t steps = tensor_plan::divide_up(k, kTensorTileK);
  TensorTile best = TensorTile::small;
  int best_splits = 0;  // none yet
  double best_clocks = 0;
  for (const TensorTile tile : {TensorTile::large, TensorTile::medium, TensorTile::small}) {
    if (!tensor_plan::fits(extents, tile, limits.shared_bytes)) continue;
    for (int splits = 1; splits <= kMaxTensorSplits; splits *= 2) {
      if (splits > 1 && (!limits.clusters || splits > steps)) break;
      const double clocks = tensor_plan::clocks(extents, tile, splits, limits.multiprocessors);
      if (best_splits > 0 && clocks >= best_clocks) continue;
      best = tile, best_splits = splits, best_clocks = clocks;
    }
  }
  const int64_t tiles_m = tensor_plan::divide_up(m, size_of(best).m);
  const int64_t tiles_n = tensor_plan::divide_up(n, size_of(best).n);
  const int64_t blocks = tiles_m * tiles_n * best_splits;
  check(blocks <= INT32_MAX, "{}: a product of {} x {} needs more blocks than the GPU takes", op, m,
        n);
  return {.tile = best,
          .tiles_m = static_cast<int>(tiles_m),
          .tiles_n = static_cast<int>(tiles_n),
          .steps = static_cast<int>(steps),
          .splits = best_splits,
          .blocks = blocks};
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
