// The arithmetic of many_channels_grad_weight.cu: one warp's sums over quads of an image, for
// 32 outputs, three taps in a row and up to 24 channels.
//
// TensorCoreSums: the product's k runs over pixels, and the four pixels of a quad are the four k of
// a lane group: lane t has the gradient if t is the winning pixel, and 0 if not. Rows are outputs;
// output 4 g + 2 tile + h stands in row g + 8 h of its tile. The gradients are laid out in shared
// memory as fragments, so that one 128-bit load brings what a lane holds of two quads.
//
// ScalarSums: float32 throughout; a lane takes one output and multiplies the winning pixel only, a
// quarter of the products. The lanes of a warp read at most four places, in different banks.
#pragma once

#include "ops/cuda/mma.cuh"

namespace strata::cuda::many_channels {

inline constexpr int kOutputs = 32;  // of a block, and of each warp

/// How one image of kChannels channels lies in shared memory: the pixels (0, 0), (0, 1), (1, 0) and
/// (1, 1) of a quad fall into different banks, as the pitch is 8 or 24 more than a multiple of 32
/// floats and the row 16.
template <int kChannels>
inline constexpr int kPitch = kChannels == 8 ? 8 : 24;

struct Layout {
  int row;  // from row to row, in floats
  int quads, quad_columns;

  Layout(int columns, int pitch, int quads, int quad_columns)
      : row((columns * pitch + 15) / 32 * 32 + 16), quads(quads), quad_columns(quad_columns) {}

  __host__ __device__ int quad_pairs() const { return (quads + 1) / 2; }
};

/// The quads of an image that a warp takes, in row-major order; `begin` is even, or the range
/// empty.
struct QuadRange {
  int begin, end;
};

/// The first or the second half of an image's quads; the second may be empty.
inline __device__ QuadRange half_of(const Layout& layout, int half) {
  const int middle = min((layout.quad_pairs() + 1) / 2 * 2, layout.quads);
  return half == 0 ? QuadRange{0, middle} : QuadRange{middle, layout.quads};
}

/// Walks over the quads of an image in row-major order.
template <int kPitch>
class QuadWalk {
 public:
  __device__ QuadWalk(const Layout& layout, int begin)
      : columns_(layout.quad_columns),
        to_next_row_(2 * layout.row - 2 * (layout.quad_columns - 1) * kPitch),
        corner_(begin / layout.quad_columns * 2 * layout.row +
                begin % layout.quad_columns * 2 * kPitch),
        column_(begin % layout.quad_columns) {}
  /// The offset of the quad's first pixel.
  __device__ int corner() const { return corner_; }
  __device__ void next() {
    const bool wraps = ++column_ == columns_;
    corner_ += wraps ? to_next_row_ : 2 * kPitch;
    column_ = wraps ? 0 : column_;
  }

 private:
  int columns_, to_next_row_, corner_, column_;
};

template <int kTiles>  // of eight channels
struct TensorCoreSums {
  static constexpr int kCount = 24 * kTiles;
  float sums[2][3][kTiles][4] = {};  // [outputs][tap of the row][channels]

  // Gradients are [pair of quads][pixel t][tile][g][fragment]; the pixels' stride of 8 more than a
  // multiple of 32 keeps the lanes of a load apart.
  static constexpr int kPixelStride = 72, kPairStride = 4 * kPixelStride;
  __host__ __device__ static int gradient_floats(const Layout& layout) {
    return layout.quad_pairs() * kPairStride;
  }
  /// The gradients of a quad for outputs `output` to `output` + 3.
  __device__ static void store(float* gradients, const Layout& /*layout*/, int quad, int output,
                               float4 gradient, uchar4 winner) {
    float* to = gradients + quad / 2 * kPairStride + output + quad % 2 * 2;
    const float4 g = {rounded(gradient.x), rounded(gradient.y), rounded(gradient.z),
                      rounded(gradient.w)};
#pragma unroll
    for (int t = 0; t < 4; ++t) {
      float2* pixel = reinterpret_cast<float2*>(to + t * kPixelStride);
      pixel[0] = {winner.x == t ? g.x : 0, winner.y == t ? g.y : 0};
      pixel[16] = {winner.z == t ? g.z : 0, winner.w == t ? g.w : 0};
    }
  }
  __device__ static float rounded(float x) {
    return __uint_as_float(to_tf32(x));
  }

  /// `pixels` begins at the filters' row.
  template <int kPitch>
  __device__ void run(const Layout& layout, const float* pixels, const float* gradients,
                      QuadRange range) {
    const int group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    pixels += t / 2 * layout.row + t % 2 * kPitch + group;
    gradients += t * kPixelStride + 4 * group + range.begin / 2 * kPairStride;
    QuadWalk<kPitch> walk(layout, range.begin);
    for (int quad = range.begin; quad < range.end; quad += 2, gradients += kPairStride) {
      const float* first = pixels + walk.corner();
      walk.next();
      // Past the last quad the gradients are 0, but the pixels might not be numbers.
      const float* second = quad + 1 < range.end ? pixels + walk.corner() : first;
      walk.next();
      uint32_t a[2][4];
#pragma unroll
      for (int tile = 0; tile < 2; ++tile) {
        const uint4 loaded = *reinterpret_cast<const uint4*>(gradients + 32 * tile);
        a[tile][0] = loaded.x, a[tile][1] = loaded.y;
        a[tile][2] = loaded.z, a[tile][3] = loaded.w;
      }
#pragma unroll
      for (int s = 0; s < 3; ++s)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const int offset = s * kPitch + 8 * tile;
          const uint32_t b[2] = {__float_as_uint(first[offset]), __float_as_uint(second[offset])};
          mma_tf32_16x8x8(sums[0][s][tile], a[0], b);
          mma_tf32_16x8x8(sums[1][s][tile], a[1], b);
        }
    }
  }

  /// sink(output, tap of the row, channel, sum)
  template <class Sink>
  __device__ void emit(const Sink& sink) const {
    const int group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int rows = 0; rows < 2; ++rows)
#pragma unroll
      for (int s = 0; s < 3; ++s)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            sink(4 * group + 2 * rows + i / 2, s, 8 * tile + 2 * t + i % 2, sums[rows][s][tile][i]);
  }
};

template <int kTiles>
struct ScalarSums {
  static constexpr int kCount = 24 * kTiles;
  float sums[3][8 * kTiles] = {};  // [tap of the row][channel]

  // Gradients are [quad][output], then the winners likewise, a byte each.
  __host__ __device__ static int gradient_floats(const Layout& layout) {
    return layout.quad_pairs() * 2 * (kOutputs + kOutputs / 4);
  }
  __device__ static uint8_t* winners_after(float* gradients, const Layout& layout) {
    return reinterpret_cast<uint8_t*>(gradients + layout.quad_pairs() * 2 * kOutputs);
  }
  __device__ static void store(float* gradients, const Layout& layout, int quad, int output,
                               float4 gradient, uchar4 winner) {
    const int at = quad * kOutputs + output;
    *reinterpret_cast<float4*>(gradients + at) = gradient;
    *reinterpret_cast<uchar4*>(winners_after(gradients, layout) + at) = winner;
  }
  __device__ static float rounded(float x) { return x; }

  template <int kPitch>
  __device__ void run(const Layout& layout, const float* pixels, float* gradients,
                      QuadRange range) {
    const uint8_t* winners = winners_after(gradients, layout) + threadIdx.x % 32;
    gradients += threadIdx.x % 32;
    QuadWalk<kPitch> walk(layout, range.begin);
    for (int quad = range.begin; quad < range.end; ++quad, walk.next()) {
      const float gradient = gradients[quad * kOutputs];
      const int winner = winners[quad * kOutputs] & 3;  // none: the gradient is 0
      const float* pixel = pixels + walk.corner() + winner / 2 * layout.row + winner % 2 * kPitch;
#pragma unroll
      for (int s = 0; s < 3; ++s)
#pragma unroll
        for (int c = 0; c < 8 * kTiles; c += 4) {
          const float4 x = *reinterpret_cast<const float4*>(pixel + s * kPitch + c);
          sums[s][c] = fmaf(gradient, x.x, sums[s][c]);
          sums[s][c + 1] = fmaf(gradient, x.y, sums[s][c + 1]);
          sums[s][c + 2] = fmaf(gradient, x.z, sums[s][c + 2]);
          sums[s][c + 3] = fmaf(gradient, x.w, sums[s][c + 3]);
        }
    }
  }

  template <class Sink>
  __device__ void emit(const Sink& sink) const {
#pragma unroll
    for (int s = 0; s < 3; ++s)
#pragma unroll
      for (int c = 0; c < 8 * kTiles; ++c) sink(threadIdx.x % 32, s, c, sums[s][c]);
  }
};

}  // namespace strata::cuda::many_channels
