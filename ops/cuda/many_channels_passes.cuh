// The two passes of many_channels.cu's kernel: what each brings to shared memory, and what it does
// with the quads that come out.
//
// Forward loads the input's images, and pools, clips and stores a quad with the pixel that won.
// GradInput unpools the gradient as it loads it, each one to the pixel that won its window, and
// stores a quad's four pixels.
#pragma once

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cuda/batched_loop.cuh"
#include "ops/cuda/element.cuh"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/patch_product.cuh"

namespace strata::cuda::many_channels {

inline constexpr int kStageThreads = 256;  // of a block
inline constexpr int kStageBatch = 4;      // loads that a thread has under way

/// What a block works on, the same for both passes.
struct BlockPlan {
  int batch, images;                // images a block holds at once
  int quad_rows, quad_columns;      // of one image's result
  int depth, results;               // channels that are summed over, channels of the result
  int rows, columns;                // of the image in shared memory
  FastDivide by_quads, by_columns;  // by quads of an image, by quad columns

  SharedImage image() const { return {image_pitch(depth), columns * image_pitch(depth)}; }
  __device__ int quads() const { return quad_rows * quad_columns; }
  __host__ __device__ int image_floats() const { return rows * columns * image_pitch(depth); }
  template <class Product>
  size_t shared_bytes() const {
    return sizeof(float) * (size_t{1} * Product::filter_floats(depth, results) + results +
                            size_t{1} * images * image_floats());
  }
};

struct Place {
  int image, row, column;  // of a quad
};

inline __device__ Place place_of(const BlockPlan& plan, int quad) {
  const auto [image, within] = plan.by_quads.divide(quad);
  const auto [row, column] = plan.by_columns.divide(within);
  return {image, row, column};
}

template <class Product>
__device__ float4 rounded(float4 v) {
  return {Product::rounded(v.x), Product::rounded(v.y), Product::rounded(v.z),
          Product::rounded(v.w)};
}

/// Two or four neighbours.
template <class T, int kRun>
__device__ void store_run(T* to, const float (&values)[kRun]) {
  static_assert(kRun == 2 || kRun == 4);
  if constexpr (kRun == 2)
    store2(to, values[0], values[1]);
  else
    store4(to, {values[0], values[1], values[2], values[3]});
}

template <int kRun>
struct alignas(kRun) Bytes {
  uint8_t value[kRun];
};

/// The convolution of the input, pooled and clipped; T is what activations are stored as.
template <class T>
struct Forward {
  static constexpr bool kBackwards = false;
  const T* input;
  const float* bias;  // may be null
  T* output;
  uint8_t* winners;  // may be null
  int height, width, pad_top, pad_left;
  bool whole;  // the image in shared memory is that in global memory: no padding, nothing left out
  FastDivide by_rows, by_columns, by_vectors;  // of the image in shared memory, float4s a pixel

  __device__ void prepare(const BlockPlan& plan, float* /*pixels*/, float* shared_bias) const {
    for (int i = threadIdx.x; i < plan.results; i += kStageThreads)
      shared_bias[i] = bias != nullptr ? bias[i] : 0.0f;
  }

  /// Images [first, first + images) to shared memory, zeros around them.
  template <class Product>
  __device__ void load(const BlockPlan& plan, int first, int images, float* pixels) const {
    const T* from = input + int64_t{first} * height * width * plan.depth;
    const auto read_whole = [&](int i) { return load4(from + 4 * i); };
    const auto read_part = [&](int i) {
      const auto [pixel, vector] = by_vectors.divide(i);
      const auto [line, column] = by_columns.divide(pixel);
      const auto [image, row] = by_rows.divide(line);
      const int y = row - pad_top, x = column - pad_left;
      if (y < 0 || y >= height || x < 0 || x >= width) return float4{};
      return load4(from + ((image * height + y) * width + x) * plan.depth + 4 * vector);
    };
    const auto write = [&](int i, float4 value) {
      const int pixel = by_vectors.quotient(i);
      store4(pixels + 4 * i + pixel * (image_pitch(plan.depth) - plan.depth),
             rounded<Product>(value));
    };
    const int count = images * plan.rows * plan.columns * plan.depth / 4;
    if (whole)
      batched_loop<kStageBatch, kStageThreads>(count, read_whole, write);
    else
      batched_loop<kStageBatch, kStageThreads>(count, read_part, write);
  }

  template <int kRun>
  __device__ void store(const BlockPlan& plan, int image, const Place& place, int channel,
                        const float (&values)[4][kRun], const float* shared_bias) const {
    float best[kRun];
    Bytes<kRun> winner;
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      const float shift = shared_bias[channel + i];
      float greatest = values[0][i] + shift;
      int position = 0;
#pragma unroll
      for (int other = 1; other < 4; ++other) {
        const float value = values[other][i] + shift;
        // A NaN wins and stays, so that a diverged network is seen.
        const bool wins = value > greatest || value != value;
        greatest = wins ? value : greatest;
        position = wins ? other : position;
      }
      best[i] = greatest < 0 ? 0 : greatest;
      winner.value[i] = greatest > 0 ? static_cast<uint8_t>(position) : kNoWinner;
    }
    const int64_t quad =
        int64_t{image} * plan.quads() + place.row * plan.quad_columns + place.column;
    const int64_t offset = quad * plan.results + channel;
    store_run(output + offset, best);
    if (winners != nullptr) *reinterpret_cast<Bytes<kRun>*>(winners + offset) = winner;
  }
};

/// The gradient of the input: a convolution of the unpooled gradient.
template <class T>
struct GradInput {
  static constexpr bool kBackwards = true;
  const T* grad_output;
  const uint8_t* winners;
  T* grad_input;
  int height, width;  // of the input
  int pooled_rows, pooled_columns;
  int before_top, before_left;                 // zeros before the gradient in the tile
  FastDivide by_rows, by_columns, by_vectors;  // of the pooled image, float4s a pixel

  /// The zeros around the gradient stay; the rest is overwritten for each image.
  __device__ void prepare(const BlockPlan& plan, float* pixels, float* /*bias*/) const {
    const int count = plan.images * plan.image_floats() / 4;
    for (int i = threadIdx.x; i < count; i += kStageThreads) store4(pixels + 4 * i, float4{});
    __syncthreads();
  }

  /// Each gradient to the winning pixel of its window, zeros to the other three.
  template <class Product>
  __device__ void load(const BlockPlan& plan, int first, int images, float* pixels) const {
    struct Gradients {
      float4 gradient;
      uchar4 winner;
    };
    const int per_image = pooled_rows * pooled_columns * plan.depth / 4;
    const int64_t from = int64_t{first} * per_image * 4;
    const auto read = [&](int i) {
      return Gradients{load4(grad_output + from + 4 * i),
                       *reinterpret_cast<const uchar4*>(winners + from + 4 * i)};
    };
    const auto write = [&](int i, const Gradients& gradients) {
      const float4 g = rounded<Product>(gradients.gradient);
      const uchar4 winner = gradients.winner;
      const auto [window, vector] = by_vectors.divide(i);
      const auto [line, column] = by_columns.divide(window);
      const auto [image, row] = by_rows.divide(line);
      const int y = 2 * row + before_top, x = 2 * column + before_left;
      const int first_pixel = (image * plan.rows + y) * plan.columns + x;
#pragma unroll
      for (int position = 0; position < 4; ++position)
        store4(pixels +
                   image_pitch(plan.depth) *
                       (first_pixel + position / 2 * plan.columns + position % 2) +
                   4 * vector,
               {winner.x == position ? g.x : 0.0f, winner.y == position ? g.y : 0.0f,
                winner.z == position ? g.z : 0.0f, winner.w == position ? g.w : 0.0f});
    };
    batched_loop<kStageBatch, kStageThreads>(images * per_image, read, write);
  }

  template <int kRun>
  __device__ void store(const BlockPlan& plan, int image, const Place& place, int channel,
                        const float (&values)[4][kRun], const float* /*bias*/) const {
#pragma unroll
    for (int position = 0; position < 4; ++position) {
      const int y = 2 * place.row + position / 2, x = 2 * place.column + position % 2;
      if (y >= height || x >= width) continue;
      const int64_t pixel = (int64_t{image} * height + y) * width + x;
      store_run(grad_input + pixel * plan.results + channel, values[position]);
    }
  }
};

}  // namespace strata::cuda::many_channels
