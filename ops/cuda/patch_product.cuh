// The arithmetic of a 3 x 3 convolution over an image in shared memory, for quads: the four pixels
// of a 2 x 2 window of the result, which max-pooling wants together.
//
// A quad reads the 4 x 4 pixels of the image under it. A lane loads them once, a few channels at a
// time, into registers, and multiplies them by all nine taps: 16 loads serve 36 products.
//
// TensorCoreProduct: a warp takes 8 quads and 8 * kTiles result channels. The 32 pixels of these
// quads are the rows of two 16-row tiles, so that lane group g holds quad g whole:
//
//   row of the tiles           0 + g      8 + g      16 + g     24 + g
//   pixel of quad g            (0, 0)     (0, 1)     (1, 0)     (1, 1)
//
// and pooling needs no exchange between lanes. The order of a product's k is free as long as both
// factors agree: lane t takes channels 2t and 2t + 1 as its k = t and k = t + 4 (ops/cuda/mma.cuh),
// one 64-bit load in place of two.
//
// ScalarProduct: float32 throughout; a lane takes a quad and four result channels, a warp 32 quads.
#pragma once

#include "ops/cuda/mma.cuh"

namespace strata::cuda {

/// An image in shared memory: pixels of `pitch` floats in rows of `row` floats.
struct SharedImage {
  int pitch, row;
};

/// Filters in shared memory, as in global memory but for the pitch: [k][tap][channel]. A gradient
/// of the input runs from k to channels, through the taps backwards.
struct SharedFilters {
  const float* data;
  int pitch;     // from one k to the next
  int channels;  // the fastest axis
};

/// Pitches for which the 64-bit loads of lanes (g, t) at quad g and channel 2t fall into different
/// banks: 2 * pitch mod 32 is 8 or 24. Multiples of four, for 128-bit stores.
__host__ __device__ constexpr int image_pitch(int channels) {
  return channels + 4;
}
/// Likewise for filter g at channel 2t, and for filters 2t and 2t + 1 at channel g.
__host__ __device__ constexpr int filter_pitch(int channels, bool backwards) {
  if (backwards) return 9 * channels + 4;
  return channels % 16 == 0 ? 9 * channels + 8 : 9 * channels;
}

template <int kTiles>
class TensorCoreProduct {
 public:
  static constexpr int kQuads = 8;              // of a warp
  static constexpr int kChannels = 8 * kTiles;  // of a warp
  static constexpr int kRun = 2;                // neighbouring channels of a lane

  __device__ static int quad() { return threadIdx.x % 32 / 4; }
  __device__ static float rounded(float x) { return __uint_as_float(to_tf32(x)); }

  /// `corner` is the first of the 4 x 4 pixels of this lane's quad; sums over `depth` channels.
  template <bool kBackwards>
  __device__ void run(const float* corner, const SharedImage& image, const SharedFilters& filters,
                      int first_channel, int depth) {
    const int group = threadIdx.x % 32 / 4, pair = 2 * (threadIdx.x % 4);
    for (int channel = 0; channel < depth; channel += 8) {
      float2 patch[4][4];
#pragma unroll
      for (int y = 0; y < 4; ++y)
#pragma unroll
        for (int x = 0; x < 4; ++x)
          patch[y][x] = *reinterpret_cast<const float2*>(corner + y * image.row + x * image.pitch +
                                                         channel + pair);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const float2 w = filter_pair<kBackwards>(filters, first_channel + 8 * tile + group, tap,
                                                   channel + pair);
          multiply(patch, tap / 3, tap % 3, w, tile);
        }
    }
  }

  /// sink(channel, values): the four pixels of this lane's quad in channels channel, channel + 1.
  template <class Sink>
  __device__ void emit(int first_channel, const Sink& sink) const {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const auto& [top, bottom] = sums_[tile];
      const float values[4][kRun] = {
          {top[0], top[1]}, {top[2], top[3]}, {bottom[0], bottom[1]}, {bottom[2], bottom[3]}};
      sink(first_channel + 8 * tile + 2 * (threadIdx.x % 4), values);
    }
  }

 private:
  template <bool kBackwards>
  __device__ static float2 filter_pair(const SharedFilters& filters, int result, int tap,
                                       int channel) {
    if constexpr (kBackwards) {
      const float* w =
          filters.data + channel * filters.pitch + (8 - tap) * filters.channels + result;
      return {w[0], w[filters.pitch]};
    } else {
      return *reinterpret_cast<const float2*>(filters.data + result * filters.pitch +
                                              tap * filters.channels + channel);
    }
  }

  __device__ void multiply(const float2 (&patch)[4][4], int r, int s, float2 w, int tile) {
    const uint32_t b[2] = {__float_as_uint(w.x), __float_as_uint(w.y)};
#pragma unroll
    for (int y = 0; y < 2; ++y) {
      const float2 left = patch[y + r][s], right = patch[y + r][s + 1];
      const uint32_t a[4] = {__float_as_uint(left.x), __float_as_uint(right.x),
                             __float_as_uint(left.y), __float_as_uint(right.y)};
      mma_tf32_16x8x8(sums_[tile][y], a, b);
    }
  }

  float sums_[kTiles][2][4] = {};  // of the upper and the lower pixels of the quads
};

class ScalarProduct {
 public:
  static constexpr int kQuads = 32;
  static constexpr int kChannels = 4;
  static constexpr int kRun = 4;

  __device__ static int quad() { return threadIdx.x % 32; }
  __device__ static float rounded(float x) { return x; }

  template <bool kBackwards>
  __device__ void run(const float* corner, const SharedImage& image, const SharedFilters& filters,
                      int first_channel, int depth) {
    for (int channel = 0; channel < depth; channel += 4) {
      float4 patch[4][4];
#pragma unroll
      for (int y = 0; y < 4; ++y)
#pragma unroll
        for (int x = 0; x < 4; ++x)
          patch[y][x] =
              *reinterpret_cast<const float4*>(corner + y * image.row + x * image.pitch + channel);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        // Every lane reads the same filters: one pass through shared memory serves the warp.
        float4 rows[4];
        const int step = kBackwards ? channel : first_channel;
        const int offset = kBackwards ? (8 - tap) * filters.channels + first_channel
                                      : tap * filters.channels + channel;
#pragma unroll
        for (int i = 0; i < 4; ++i)
          rows[i] =
              *reinterpret_cast<const float4*>(filters.data + (step + i) * filters.pitch + offset);
#pragma unroll
        for (int position = 0; position < 4; ++position)
          add<kBackwards>(sums_[position], patch[position / 2 + tap / 3][position % 2 + tap % 3],
                          rows);
      }
    }
  }

  template <class Sink>
  __device__ void emit(int first_channel, const Sink& sink) const {
    sink(first_channel, sums_);
  }

 private:
  template <bool kBackwards>
  __device__ static void add(float (&sums)[4], const float4& x, const float4 (&rows)[4]) {
    if constexpr (kBackwards) {  // rows run along k, their elements along result channels
      const float k[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sums[0] = fmaf(k[i], rows[i].x, sums[0]);
        sums[1] = fmaf(k[i], rows[i].y, sums[1]);
        sums[2] = fmaf(k[i], rows[i].z, sums[2]);
        sums[3] = fmaf(k[i], rows[i].w, sums[3]);
      }
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sums[i] = fmaf(x.x, rows[i].x, sums[i]);
        sums[i] = fmaf(x.y, rows[i].y, sums[i]);
        sums[i] = fmaf(x.z, rows[i].z, sums[i]);
        sums[i] = fmaf(x.w, rows[i].w, sums[i]);
      }
    }
  }

  float sums_[4][4] = {};  // [pixel of the quad][channel]
};

}  // namespace strata::cuda
