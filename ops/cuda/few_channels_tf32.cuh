// What the tensor-core kernels of few_channels share: images as matrices of patches.
//
// A patch is the R S C floats under a pixel of the convolution, in the order of its weights
// (r, s, c). The matrix of all patches is never written: its element (pixel, i) lies in the tile at
// the pixel's corner plus an offset that depends on i alone, which every thread computes once for
// the few i that the fragments (ops/cuda/mma.cuh) give it. A warp takes eight windows at a time:
// the four pixels of each end in the same thread.
#pragma once

#include "ops/cuda/few_channels.cuh"

namespace strata::cuda::few_channels {

inline constexpr int kWindowsAtOnce = 8;
inline constexpr int kMostWarps = 8;  // of a block

template <int kWindow, int kChannels>
struct Patch {
  static constexpr int kFloats = kWindow * kWindow * kChannels;

  /// From a pixel's corner to element i of its patch; places past the patch's end read its first
  /// element, so that what is multiplied there by zero is a number wherever the patch has only
  /// numbers.
  __device__ static int offset(int i, int pitch) {
    constexpr int kRow = kWindow * kChannels;
    return i < kFloats ? i / kRow * pitch + i % kRow : 0;
  }
};

/// The windows that a band's whole octets hold.
__host__ __device__ inline int windows_of_octets(int windows) {
  return (windows + kWindowsAtOnce - 1) / kWindowsAtOnce * kWindowsAtOnce;
}

/// Blocks of a multiprocessor: two, unless registers must hold the weights of 75 patch elements.
template <int kWindow, int kChannels>
inline constexpr int kBlocksAtOnce = Patch<kWindow, kChannels>::kFloats > 32 ? 1 : 2;

/// How the windows of a band are shared by the warps of a block.
struct Octets {
  int warps;
  FastDivide by_row;

  explicit Octets(const Bands& bands)
      : warps(even_share(windows_of_octets(bands.rows * bands.pooled_width) / kWindowsAtOnce,
                         kMostWarps)),
        by_row(bands.pooled_width) {}

  unsigned threads() const { return 32u * static_cast<unsigned>(warps); }

  /// The first float under the first pixel of a window of the band, counted in row-major order.
  template <int kChannels>
  __device__ int corner(const Bands& bands, int window) const {
    const auto [row, column] = by_row.divide(window);
    return 2 * row * bands.pitch + 2 * column * kChannels;
  }
};

/// Tiles whose rows start `bank` banks of shared memory apart, modulo all 32. Beside a tile, a
/// stage of a block's shared memory holds `window_bytes` for each window; both fit `stage_bytes`,
/// or bands have one row.
inline Bands bands_of_octets(const ConvStageGeometry& g, int blocks, int bank, int window_bytes,
                             int stage_bytes) {
  const auto window = static_cast<int>(g.convolution.height.window);
  const auto channels = static_cast<int>(g.convolution.in_channels);
  const auto width = static_cast<int>(g.pooled_width);
  const int columns = (2 * width + window - 1) * channels;
  const int pitch = columns + (bank - columns % 32 + 32) % 32;
  const auto row_bytes = static_cast<int>(pitch * sizeof(float));
  const int rows = rows_per_band(g, blocks, [&](int r) {
    return tile_rows(r, window) * row_bytes + windows_of_octets(r * width) * window_bytes <=
           stage_bytes;
  });
  return Bands(g, 1, rows, columns, pitch);
}

/// Rounds this thread's share of a tile, which it has copied and waited for itself.
__device__ inline void round_tile(const Bands& bands, float* tile) {
  for_own_places(bands, [&](int row, int column) {
    float& x = tile[row * bands.pitch + column];
    x = __uint_as_float(to_tf32(x));
  });
}

/// Column tiles of eight output channels that a block computes: three for 24, four for 32.
inline int column_tiles(int outputs) {
  return outputs <= 24 || outputs % 24 == 0 ? 3 : 4;
}
inline int column_blocks(int outputs) {
  const int columns = 8 * column_tiles(outputs);
  return (outputs + columns - 1) / columns;
}

}  // namespace strata::cuda::few_channels
