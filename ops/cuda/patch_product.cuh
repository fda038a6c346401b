// The arithmetic of a 3 x 3 convolution over an image in shared memory, for quads: the four pixels
// of a 2 x 2 window of the result, which max-pooling wants together.
//
// A quad reads the 4 x 4 pixels of the image under it. A lane loads them once, a few channels at a
// time, into registers, and multiplies them by all nine taps: 16 loads serve 36 products.
//
// TensorCoreProduct: a warp takes 8 quads (the columns of the products) and 16 kTiles channels of
// the result (their rows), and keeps one 16 x 8 sum for each of the quads' four pixels, so that
// pooling needs no exchange between lanes. What a lane holds of the products' factors
// (ops/cuda/mma.cuh) decides where everything lies, so that no register is ever moved:
//
//   k of a product     channels 8 j .. 8 j + 7; lane t takes 2 t and 2 t + 1 as its k = t and t +
//   4,
//                      so that one 64-bit load brings its factor of a pixel
//   row of a product   result channel 2 kTiles g + 2 tile + h is row g + 8 h of its tile, so that a
//                      lane ends with 2 kTiles neighbouring channels of two quads
//   filters            stored as fragments: one 128-bit load brings a lane's four weights
//
// ScalarProduct: float32 throughout; a lane takes a quad and four result channels, a warp 32 quads.
#pragma once

#include "ops/cuda/batched_loop.cuh"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/mma.cuh"

namespace strata::cuda {

/// An image in shared memory: pixels of `pitch` floats in rows of `row` floats.
struct SharedImage {
  int pitch, row;
};

/// The pitch for which the 64-bit loads of lanes (g, t) at quad g and channel 2 t fall into
/// different banks: 2 * pitch mod 32 is 8 or 24. A multiple of four, for 128-bit stores.
__host__ __device__ constexpr int image_pitch(int channels) {
  return channels + 4;
}

/// The filters in global memory, [k][tap][channel], and how the convolution runs through them:
/// forward from `depth` channels to `results` k; backwards from `depth` k to `results` channels,
/// through the taps in reverse.
struct Filters {
  const float* data;
  int channels;
  int depth, results;
  FastDivide by_depth_tiles;  // by eighths of depth
  bool settled;               // they may be read before the kernel's turn (launch.cuh)

  __device__ int k_stride() const { return 9 * channels; }
};

template <int kTiles>
class TensorCoreProduct {
 public:
  static constexpr int kQuads = 8;               // of a warp
  static constexpr int kChannels = 16 * kTiles;  // of a warp
  static constexpr int kRun = 2 * kTiles;        // neighbouring channels of a lane
  static constexpr int kResults = 2;             // quads of which a lane ends with the sums

  __host__ __device__ static int filter_floats(int depth, int results) {
    return (results + kChannels - 1) / kChannels * (depth / 8) * kFloatsPerDepthTile;
  }
  /// All threads of a block: rounded and in the order of fragments, [channels of a warp][depth
  /// tile][tap][tile][lane][4]; zeros past the last result.
  template <bool kBackwards, int kThreads>
  __device__ static void load_filters(const Filters& filters, float* shared) {
    struct Rows {
      float2 first, second;
    };
    const auto read = [&](int fragment) {
      const int group = fragment % 32 / 4, pair = 2 * (fragment % 4);
      const int tile = fragment / 32 % kTiles, tap = fragment / (32 * kTiles) % 9;
      const auto [chunk, depth_tile] = filters.by_depth_tiles.divide(fragment / (32 * kTiles * 9));
      const int result = chunk * kChannels + kRun * group + 2 * tile;
      const int depth = 8 * depth_tile + pair;
      if (result >= filters.results) return Rows{};
      const float* from =
          kBackwards
              ? filters.data + depth * filters.k_stride() + (8 - tap) * filters.channels + result
              : filters.data + result * filters.k_stride() + tap * filters.channels + depth;
      return Rows{*reinterpret_cast<const float2*>(from),
                  *reinterpret_cast<const float2*>(from + filters.k_stride())};
    };
    const auto write = [&](int fragment, const Rows& rows) {
      const float2 a = rounded(rows.first), b = rounded(rows.second);
      reinterpret_cast<float4*>(shared)[fragment] =
          kBackwards ? float4{a.x, a.y, b.x, b.y} : float4{a.x, b.x, a.y, b.y};
    };
    const int chunks = (filters.results + kChannels - 1) / kChannels;
    batched_loop<8, kThreads>(chunks * (filters.depth / 8) * (kFloatsPerDepthTile / 4), read,
                              write);
  }

  __device__ static int quad() { return threadIdx.x % 32 / 4; }
  __device__ static int result_quad(int i) { return 2 * (threadIdx.x % 4) + i; }
  __device__ static int result_channel() { return kRun * (threadIdx.x % 32 / 4); }
  __device__ static float rounded(float x) { return __uint_as_float(to_tf32(x)); }

  /// `corner` is the first of the 4 x 4 pixels of this lane's quad; `chunk` numbers the channels.
  template <bool kBackwards>
  __device__ void run(const float* corner, const SharedImage& image, const Filters& filters,
                      const float* shared_filters, int chunk) {
    const float* pixel = corner + 2 * (threadIdx.x % 4);
    const auto* fragment = reinterpret_cast<const float4*>(shared_filters) + threadIdx.x % 32 +
                           chunk * (filters.depth / 8) * (kFloatsPerDepthTile / 4);
    for (int depth = 0; depth < filters.depth; depth += 8) {
      float2 patch[4][4];
#pragma unroll
      for (int y = 0; y < 4; ++y)
#pragma unroll
        for (int x = 0; x < 4; ++x)
          patch[y][x] = *reinterpret_cast<const float2*>(pixel + y * image.row + x * image.pitch);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
          multiply(fragment[(tap * kTiles + tile) * 32], patch, tap / 3, tap % 3, sums_[tile]);
      pixel += 8;
      fragment += kFloatsPerDepthTile / 4;
    }
  }

  /// The sums of quad result_quad(i): its four pixels in kRun channels from result_channel() on.
  __device__ void get(int i, float (&values)[4][kRun]) const {
#pragma unroll
    for (int position = 0; position < 4; ++position)
#pragma unroll
      for (int channel = 0; channel < kRun; ++channel)
        values[position][channel] = sums_[channel / 2][position][channel % 2 * 2 + i];
  }

 private:
  static constexpr int kFloatsPerDepthTile = 9 * kTiles * 32 * 4;

  __device__ static float2 rounded(float2 v) {
    return {rounded(v.x), rounded(v.y)};
  }

  __device__ static void multiply(float4 w, const float2 (&patch)[4][4], int r, int s,
                                  float (&sums)[4][4]) {
    const uint32_t a[4] = {__float_as_uint(w.x), __float_as_uint(w.y), __float_as_uint(w.z),
                           __float_as_uint(w.w)};
#pragma unroll
    for (int position = 0; position < 4; ++position) {
      const float2 x = patch[position / 2 + r][position % 2 + s];
      const uint32_t b[2] = {__float_as_uint(x.x), __float_as_uint(x.y)};
      mma_tf32_16x8x8(sums[position], a, b);
    }
  }

  float sums_[kTiles][4][4] = {};  // [tile][pixel of the quad][fragment]
};

class ScalarProduct {
 public:
  static constexpr int kQuads = 32;
  static constexpr int kChannels = 4;
  static constexpr int kRun = 4;
  static constexpr int kResults = 1;

  /// As in global memory: forward it is [result][tap][depth], backwards [depth][tap][result].
  __host__ __device__ static int filter_floats(int depth, int results) {
    return 9 * depth * results;
  }
  template <bool kBackwards, int kThreads>
  __device__ static void load_filters(const Filters& filters, float* shared) {
    batched_loop<8, kThreads>(
        9 * filters.depth * filters.results / 4,
        [&](int i) { return reinterpret_cast<const float4*>(filters.data)[i]; },
        [&](int i, float4 value) { reinterpret_cast<float4*>(shared)[i] = value; });
  }

  __device__ static int quad() { return threadIdx.x % 32; }
  __device__ static int result_quad(int /*i*/) { return quad(); }
  __device__ static int result_channel() { return 0; }
  __device__ static float rounded(float x) { return x; }

  template <bool kBackwards>
  __device__ void run(const float* corner, const SharedImage& image, const Filters& filters,
                      const float* shared_filters, int chunk) {
    const int stride = filters.k_stride(), first_result = chunk * kChannels;
    for (int depth = 0; depth < filters.depth; depth += 4) {
      float4 patch[4][4];
#pragma unroll
      for (int y = 0; y < 4; ++y)
#pragma unroll
        for (int x = 0; x < 4; ++x)
          patch[y][x] =
              *reinterpret_cast<const float4*>(corner + y * image.row + x * image.pitch + depth);
      const float* rows = shared_filters + (kBackwards ? depth * stride + first_result
                                                       : first_result * stride + depth);
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        // Every lane reads the same filters: one pass through shared memory serves the warp.
        float4 w[4];
        const float* row = rows + (kBackwards ? 8 - tap : tap) * filters.channels;
#pragma unroll
        for (int i = 0; i < 4; ++i) w[i] = *reinterpret_cast<const float4*>(row + i * stride);
#pragma unroll
        for (int position = 0; position < 4; ++position)
          add<kBackwards>(sums_[position], patch[position / 2 + tap / 3][position % 2 + tap % 3],
                          w);
      }
    }
  }

  __device__ void get(int /*i*/, float (&values)[4][kRun]) const {
#pragma unroll
    for (int i = 0; i < 16; ++i) values[i / 4][i % 4] = sums_[i / 4][i % 4];
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
