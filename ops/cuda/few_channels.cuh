// What the kernels of a convolutional stage over one or three channels share: images cut into bands
// that fit shared memory, and their copying.
#pragma once

#include <algorithm>

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/mma.cuh"

namespace strata::cuda::few_channels {

// Of shared memory, for one of a block's two tiles: what may be had without asking for more, less a
// float32 block's weights.
inline constexpr int kTileBytes = 12 * 1024;

/// A pooled row needs two rows of the convolution's output and so two more rows of the image than
/// the window is high, less one.
inline int tile_rows(int rows, int window) {
  return 2 * rows + window - 1;
}

/// An image is cut into bands of pooled rows; a block takes a band at a time. A band's tile is the
/// part of the image it reads, padding included, in shared memory: kPlanes planes of tile_rows rows
/// of `columns` columns, so that no later step asks where the image ends. With one plane, a column
/// is one float and a pixel of C channels C columns; with C planes, a column is a pixel.
struct Bands {
  int height, width;      // of an image, in rows and columns
  int pad_top, pad_left;  // likewise
  int pooled_height, pooled_width;
  int outputs;                       // channels of the stage's output
  int rows;                          // pooled rows of a band; an image's last may have fewer
  int count;                         // bands of all images
  int rows_of_tile, columns, pitch;  // pitch: from a row of the tile to the next
  FastDivide by_bands, by_columns;

  Bands(const ConvStageGeometry& g, int planes, int rows_of_band, int columns_of_tile,
        int pitch_of_tile)
      : height(static_cast<int>(g.convolution.height.input)),
        width(static_cast<int>(g.convolution.width.input * g.convolution.in_channels / planes)),
        pad_top(static_cast<int>(g.convolution.height.pad_before)),
        pad_left(
            static_cast<int>(g.convolution.width.pad_before * g.convolution.in_channels / planes)),
        pooled_height(static_cast<int>(g.pooled_height)),
        pooled_width(static_cast<int>(g.pooled_width)),
        outputs(static_cast<int>(g.convolution.out_channels)),
        rows(rows_of_band),
        count(static_cast<int>(g.convolution.batch) * ((pooled_height + rows - 1) / rows)),
        rows_of_tile(tile_rows(rows, static_cast<int>(g.convolution.height.window))),
        columns(columns_of_tile),
        pitch(pitch_of_tile),
        by_bands((pooled_height + rows - 1) / rows),
        by_columns(columns) {}

  __host__ __device__ int tile_floats() const { return rows_of_tile * pitch; }  // of a plane

  struct Band {
    int image, first_row, rows;  // pooled rows
    int first_output;            // of its first window, in windows
  };
  __device__ Band band(int index) const {
    const auto [image, part] = by_bands.divide(index);
    const int first = part * rows;
    return {image, first, min(rows, pooled_height - first),
            (image * pooled_height + first) * pooled_width};
  }
};

/// Pooled rows of a band: so few that `blocks` blocks find work, and that fit(rows) unless one row
/// does not.
template <class Fit>
int rows_per_band(const ConvStageGeometry& g, int blocks, const Fit& fit) {
  const auto pooled = static_cast<int>(g.pooled_height);
  const int bands = std::clamp(blocks / static_cast<int>(g.convolution.batch), 1, pooled);
  int rows = (pooled + bands - 1) / bands;
  while (rows > 1 && !fit(rows)) --rows;
  return rows;
}

/// So many workers, of at most `most`, that they finish `items` items at the same time.
inline int even_share(int items, int most) {
  const int rounds = (items + most - 1) / most;
  return (items + rounds - 1) / rounds;
}

/// visit(row, column) for this thread's share of a plane of a tile, the same at each call.
template <class Visit>
__device__ void for_own_places(const Bands& bands, const Visit& visit) {
  for (int i = threadIdx.x; i < bands.rows_of_tile * bands.columns; i += blockDim.x) {
    const auto [row, column] = bands.by_columns.divide(i);
    visit(row, column);
  }
}

/// Starts this thread's share of the copying of a band to `tile`.
template <int kPlanes>
__device__ void copy_tile(const Bands& bands, int index, const float* input, float* tile) {
  const Bands::Band band = bands.band(index);
  const int top = 2 * band.first_row - bands.pad_top;
  for_own_places(bands, [&](int row, int column) {
    const int y = top + row, x = column - bands.pad_left;
    const bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(bands.height) &&
                        static_cast<unsigned>(x) < static_cast<unsigned>(bands.width);
    const int source = inside ? ((band.image * bands.height + y) * bands.width + x) * kPlanes : 0;
    for (int plane = 0; plane < kPlanes; ++plane)
      copy_async_4(tile + plane * bands.tile_floats() + row * bands.pitch + column,
                   input + source + plane, inside);
  });
}

/// Where a block writes its `count` floats: [blockIdx.y][blockIdx.x][count].
__device__ inline float* part_of_block(float* parts, int count) {
  return parts + (blockIdx.y * gridDim.x + blockIdx.x) * count;
}

}  // namespace strata::cuda::few_channels
