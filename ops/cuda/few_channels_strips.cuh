// How the float32 kernels of few_channels share a band among the threads of a block.
#pragma once

#include "ops/cuda/few_channels.cuh"

namespace strata::cuda::few_channels {

inline constexpr int kStrip = 2;           // windows that a thread takes at a time
inline constexpr int kStripThreads = 256;  // of a block at most

/// A strip is two windows, neighbours in a row. A thread owns a pair of output channels, those of a
/// group all pairs; the groups of a block share the strips of a band.
struct Strips {
  int pairs, per_row, groups;
  FastDivide by_pairs, by_row;

  explicit Strips(const Bands& bands)
      : pairs((bands.outputs + 1) / 2),
        per_row((bands.pooled_width + kStrip - 1) / kStrip),
        groups(even_share(bands.rows * per_row, kStripThreads / pairs)),
        by_pairs(pairs),
        by_row(per_row) {}

  unsigned threads() const { return static_cast<unsigned>(groups * pairs); }
};

/// Rows of tiles are padded to whole 16 bytes, and reach as far as the last strip reads.
inline Bands bands_of_strips(const ConvStageGeometry& g, int blocks) {
  const auto window = static_cast<int>(g.convolution.height.window);
  const auto planes = static_cast<int>(g.convolution.in_channels);
  const auto strips = static_cast<int>((g.pooled_width + kStrip - 1) / kStrip);
  const int pitch = (2 * kStrip * strips + window - 1 + 3) / 4 * 4;
  const auto row_bytes = static_cast<int>(planes * pitch * sizeof(float));
  const int rows = rows_per_band(
      g, blocks, [&](int r) { return tile_rows(r, window) * row_bytes <= kTileBytes; });
  return Bands(g, planes, rows, pitch, pitch);
}

/// `row` is aligned to 16 bytes.
template <int kCount>
__device__ void load_row(const float* row, float (&x)[kCount]) {
  static_assert(kCount == 6 || kCount == 8);
  const float4 a = *reinterpret_cast<const float4*>(row);
  x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w;
  if constexpr (kCount == 8) {
    const float4 b = *reinterpret_cast<const float4*>(row + 4);
    x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
  } else {
    const float2 b = *reinterpret_cast<const float2*>(row + 4);
    x[4] = b.x, x[5] = b.y;
  }
}

}  // namespace strata::cuda::few_channels
