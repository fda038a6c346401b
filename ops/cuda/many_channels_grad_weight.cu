// The gradient of a stage's filters: for tap (r, s), channel c and output k
//
//   dL/dw[k,r,s,c] = sum over quads of g'[quad,k] x[winner(quad,k) + (r, s), c]
//
// summed over every quad (2 x 2 window) of the batch. A block takes 32 outputs, all taps and up to
// 24 channels, and walks over the batch two images at a time, one for each half of its six warps; a
// warp takes the three taps of one row of the filters. Nobody adds to memory that another one adds
// to: each block writes its sums, and a second kernel adds up the blocks' in order.
//
// TensorCoreSums: the product's k runs over pixels, and the four pixels of a quad are the four k of
// a lane group, so the unpooled gradient needs no memory: lane t has the gradient if t is the
// winning pixel, and 0 if not. Rows are outputs; output 4 g + i stands in row g of i = 0, 2 and in
// row g + 8 of i = 1, 3 (of two tiles), so that one 128-bit load brings a lane's four.
//
// ScalarSums: float32 throughout; a lane takes one output and multiplies the winning pixel only, a
// quarter of the products. The lanes of a warp read at most four places, in different banks.
#include "ops/cuda/batched_loop.cuh"
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/mma.cuh"
#include "ops/cuda/sum_rows.cuh"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda::many_channels {
namespace {

constexpr int kFilterRows = 3;
constexpr int kImages = 2;  // that a block holds at once
constexpr int kThreads = kImages * kFilterRows * 32;
constexpr int kOutputs = 32;  // of a block
constexpr int kBlocksPerMultiprocessor = 2;
constexpr int kBatch = 5;  // loads that a thread has under way

/// One image in shared memory, and the gradients of its quads. In floats.
struct Layout {
  int pitch, row;  // from pixel to pixel, from row to row
  int quads, quad_columns;

  /// The pixels (0, 0), (0, 1), (1, 0), (1, 1) of a quad fall into different banks: the pitch is 8
  /// or 24 more than a multiple of 32, the row 16.
  Layout(int columns, int channels, int quads, int quad_columns)
      : pitch(channels == 8 ? 8 : 24),
        row((columns * pitch + 15) / 32 * 32 + 16),
        quads(quads),
        quad_columns(quad_columns) {}

  __host__ __device__ int even_quads() const { return (quads + 1) / 2 * 2; }
};

struct QuadGradients {
  const float* gradient;   // [quad][kOutputs], 0 where no gradient passes
  const uint8_t* winners;  // likewise
};

/// Walks over the quads of an image in row-major order.
class QuadWalk {
 public:
  __device__ explicit QuadWalk(const Layout& layout) : layout_(layout) {}
  /// The offset of the quad's first pixel.
  __device__ int corner() const { return 2 * (row_ * layout_.row + column_ * layout_.pitch); }
  /// To the next one; stays at the last.
  __device__ void next() {
    if (++done_ >= layout_.quads) return;
    if (++column_ < layout_.quad_columns) return;
    column_ = 0;
    ++row_;
  }

 private:
  const Layout& layout_;
  int row_ = 0, column_ = 0, done_ = 0;
};

template <int kTiles>  // of eight channels
struct TensorCoreSums {
  static constexpr int kCount = 24 * kTiles;
  float sums[2][3][kTiles][4] = {};  // [outputs][tap of the row][channels]

  __device__ static float rounded(float x) { return __uint_as_float(to_tf32(x)); }

  /// `pixels` begins at the filters' row.
  __device__ void run(const Layout& layout, const float* pixels, const QuadGradients& from) {
    const int group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    pixels += t / 2 * layout.row + t % 2 * layout.pitch + group;
    QuadWalk walk(layout);
    for (int quad = 0; quad < layout.quads; quad += 2) {
      uint32_t a[2][4];
      int corner[2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        corner[half] = walk.corner();
        walk.next();
        const int at = (quad + half) * kOutputs + 4 * group;
        const float4 gradient = *reinterpret_cast<const float4*>(from.gradient + at);
        const uchar4 winner = *reinterpret_cast<const uchar4*>(from.winners + at);
        a[0][2 * half] = winner.x == t ? __float_as_uint(gradient.x) : 0;
        a[0][2 * half + 1] = winner.y == t ? __float_as_uint(gradient.y) : 0;
        a[1][2 * half] = winner.z == t ? __float_as_uint(gradient.z) : 0;
        a[1][2 * half + 1] = winner.w == t ? __float_as_uint(gradient.w) : 0;
      }
#pragma unroll
      for (int s = 0; s < 3; ++s)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const int offset = s * layout.pitch + 8 * tile;
          const uint32_t b[2] = {__float_as_uint(pixels[corner[0] + offset]),
                                 __float_as_uint(pixels[corner[1] + offset])};
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

  __device__ static float rounded(float x) { return x; }

  __device__ void run(const Layout& layout, const float* pixels, const QuadGradients& from) {
    const int output = threadIdx.x % 32;
    QuadWalk walk(layout);
    for (int quad = 0; quad < layout.quads; ++quad, walk.next()) {
      const float gradient = from.gradient[quad * kOutputs + output];
      const int winner = from.winners[quad * kOutputs + output] & 3;
      const float* pixel =
          pixels + walk.corner() + winner / 2 * layout.row + winner % 2 * layout.pitch;
#pragma unroll
      for (int s = 0; s < 3; ++s)
#pragma unroll
        for (int c = 0; c < 8 * kTiles; c += 4) {
          const float4 x = *reinterpret_cast<const float4*>(pixel + s * layout.pitch + c);
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

/// What the blocks work on.
struct Work {
  const float *input = nullptr, *grad_output = nullptr;
  const uint8_t* winners = nullptr;
  float* partial = nullptr;  // [block of the walk][outputs * 9 * channels + outputs]
  int batch, height, width, channels, outputs;
  int pad_top, pad_left, rows, columns;  // of the image in shared memory
  Layout layout;
  FastDivide by_rows, by_columns,
      by_quads;  // of the image, quads with the one that makes them even

  __host__ __device__ int image_floats() const { return rows * layout.row; }
  __host__ __device__ int gradient_floats() const { return layout.even_quads() * kOutputs; }
  __host__ __device__ int64_t partial_floats() const {
    return int64_t{outputs} * (9 * channels + 1);
  }
  size_t shared_bytes(int sums) const {
    const int images = kImages * (image_floats() + gradient_floats()) * 4 +
                       kImages * gradient_floats();  // and winners, a byte each
    const int exchange = (sums * kThreads / 2 + 4 * kThreads) * 4;
    return static_cast<size_t>(std::max(images, exchange));
  }
};

__device__ void store4(float* to, float4 value) {
  *reinterpret_cast<float4*>(to) = value;
}

template <class Sums>
__device__ float4 rounded(float4 v) {
  return {Sums::rounded(v.x), Sums::rounded(v.y), Sums::rounded(v.z), Sums::rounded(v.w)};
}

/// Images [first, first + images), zeros around them.
template <class Sums, int kChannels>
__device__ void load_images(const Work& work, int first, int images, float* to) {
  constexpr int kVectors = kChannels / 4;
  const float* from = work.input + int64_t{first} * work.height * work.width * work.channels +
                      blockIdx.z * kChannels;
  const auto read = [&](int i) {
    const auto [line, column] = work.by_columns.divide(i / kVectors);
    const auto [image, row] = work.by_rows.divide(line);
    const int y = row - work.pad_top, x = column - work.pad_left;
    if (y < 0 || y >= work.height || x < 0 || x >= work.width) return float4{};
    const int pixel = (image * work.height + y) * work.width + x;
    return *reinterpret_cast<const float4*>(from + pixel * work.channels + 4 * (i % kVectors));
  };
  const auto write = [&](int i, float4 value) {
    const auto [line, column] = work.by_columns.divide(i / kVectors);
    store4(to + line * work.layout.row + column * work.layout.pitch + 4 * (i % kVectors),
           rounded<Sums>(value));
  };
  batched_loop<kBatch, kThreads>(images * work.rows * work.columns * kVectors, read, write);
}

/// The gradients of the same images' quads. Also adds up this thread's part of the bias gradient:
/// the four outputs that it loads are always the same.
template <class Sums>
__device__ void load_gradients(const Work& work, int first, int images, float* gradient,
                               uint8_t* winners, float4& bias) {
  struct Gradients {
    float4 gradient;
    uchar4 winner;
  };
  constexpr int kVectors = kOutputs / 4;
  static_assert(kThreads % kVectors == 0);
  const int own = 4 * (threadIdx.x % kVectors), output = blockIdx.y * kOutputs + own;
  const auto read = [&](int i) {
    const auto [image, quad] = work.by_quads.divide(i / kVectors);
    if (quad >= work.layout.quads || output >= work.outputs)
      return Gradients{{}, {kNoWinner, kNoWinner, kNoWinner, kNoWinner}};
    const int64_t at = (int64_t{first + image} * work.layout.quads + quad) * work.outputs + output;
    return Gradients{*reinterpret_cast<const float4*>(work.grad_output + at),
                     *reinterpret_cast<const uchar4*>(work.winners + at)};
  };
  const auto write = [&](int i, const Gradients& loaded) {
    const auto& [g, winner] = loaded;
    const float4 open = {winner.x == kNoWinner ? 0 : g.x, winner.y == kNoWinner ? 0 : g.y,
                         winner.z == kNoWinner ? 0 : g.z, winner.w == kNoWinner ? 0 : g.w};
    bias = {bias.x + open.x, bias.y + open.y, bias.z + open.z, bias.w + open.w};
    const int at = i / kVectors * kOutputs + own;
    store4(gradient + at, rounded<Sums>(open));
    *reinterpret_cast<uchar4*>(winners + at) = winner;
  };
  batched_loop<2, kThreads>(images * work.layout.even_quads() * kVectors, read, write);
}

/// Adds the second image's sums to the first's and writes them.
template <class Sums, int kChannels>
__device__ void write_sums(const Work& work, Sums& product, float* exchange, float* partial) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, r = warp % kFilterRows;
  float* sums = reinterpret_cast<float*>(product.sums);
  float* mine = exchange + r * Sums::kCount * 32 + lane;
  if (warp >= kFilterRows) {
#pragma unroll
    for (int i = 0; i < Sums::kCount; ++i) mine[i * 32] = sums[i];
  }
  __syncthreads();
  if (warp >= kFilterRows) return;
#pragma unroll
  for (int i = 0; i < Sums::kCount; ++i) sums[i] += mine[i * 32];
  product.emit([&](int output, int s, int channel, float sum) {
    const int k = blockIdx.y * kOutputs + output;
    if (k < work.outputs)
      partial[(k * 9 + r * 3 + s) * work.channels + blockIdx.z * kChannels + channel] = sum;
  });
}

__device__ void write_bias(const Work& work, const float4* sums, float* partial) {
  constexpr int kVectors = kOutputs / 4;
  const int k = blockIdx.y * kOutputs + threadIdx.x;
  if (blockIdx.z != 0 || threadIdx.x >= kOutputs || k >= work.outputs) return;
  const float* mine = reinterpret_cast<const float*>(sums) + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < kThreads / kVectors; ++i) sum += mine[i * kOutputs];
  partial[work.outputs * 9 * work.channels + k] = sum;
}

// Block (x, y, z): images 2 x, 2 x + 1, 2 (x + gridDim.x), ...; 32 outputs from 32 y on; kChannels
// channels from kChannels z on.
template <class Sums, int kChannels>
__global__ void __launch_bounds__(kThreads, kBlocksPerMultiprocessor)
    conv_stage_grad_weight_kernel(Work work) {
  extern __shared__ float4 shared[];
  float* pixels = reinterpret_cast<float*>(shared);
  float* gradients = pixels + kImages * work.image_floats();
  auto* winners = reinterpret_cast<uint8_t*>(gradients + kImages * work.gradient_floats());
  const int slot = threadIdx.x / 32 / kFilterRows, r = threadIdx.x / 32 % kFilterRows;
  Sums product;
  float4 bias = {};
  for (int first = blockIdx.x * kImages; first < work.batch; first += gridDim.x * kImages) {
    const int images = min(kImages, work.batch - first);
    load_images<Sums, kChannels>(work, first, images, pixels);
    load_gradients<Sums>(work, first, images, gradients, winners, bias);
    __syncthreads();
    if (slot < images)
      product.run(
          work.layout, pixels + slot * work.image_floats() + r * work.layout.row,
          {gradients + slot * work.gradient_floats(), winners + slot * work.gradient_floats()});
    __syncthreads();  // before the images are overwritten
  }
  float* partial = work.partial + blockIdx.x * work.partial_floats();
  float4* bias_sums = shared + Sums::kCount * kThreads / 8;
  bias_sums[threadIdx.x] = bias;
  write_sums<Sums, kChannels>(work, product, pixels, partial);
  write_bias(work, bias_sums, partial);
}

/// The sums of all blocks to the two gradients, of which the second may be null.
struct StoreGradients {
  float *weight, *bias;
  int64_t weights;
  __device__ void operator()(int /*chunk*/, int64_t column, float sum) const {
    if (column < weights)
      weight[column] = sum;
    else
      bias[column - weights] = sum;
  }
};

template <class Sums, int kChannels>
void launch(Work work, Tensor& grad_weight, Tensor& grad_bias) {
  constexpr int kSharedLimit = 227 << 10;
  const auto kernel = conv_stage_grad_weight_kernel<Sums, kChannels>;
  static const bool allowed = [&] {
    STRATA_CUDA(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedLimit));
    return true;
  }();
  (void)allowed;
  const int output_blocks = (work.outputs + kOutputs - 1) / kOutputs;
  const int channel_blocks = work.channels / kChannels;
  const int resident = kBlocksPerMultiprocessor * device_info().multiprocessors;
  const int walks = std::min((work.batch + kImages - 1) / kImages,
                             std::max(1, resident / (output_blocks * channel_blocks)));
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor partial = Tensor::empty({walks, work.partial_floats()}, DType::float32, Device::gpu);
  work.partial = partial.data<float>();
  const dim3 grid(walks, output_blocks, channel_blocks);
  kernel<<<grid, kThreads, work.shared_bytes(Sums::kCount), stream()>>>(work);
  check_launch("conv2d_relu_max_pool: weight gradient");
  const int64_t weights = grad_weight.size();
  const int64_t columns = grad_bias.defined() ? work.partial_floats() : weights;
  const StoreGradients result{grad_weight.data<float>(),
                              grad_bias.defined() ? grad_bias.data<float>() : nullptr, weights};
  sum_rows("conv2d_relu_max_pool: weight gradient", MatrixRows{work.partial, work.partial_floats()},
           result, walks, columns, walks);
}

template <int kTiles>
void run(const Work& work, Tensor& grad_weight, Tensor& grad_bias) {
  if (settings().precision == Precision::fp32)
    launch<ScalarSums<kTiles>, 8 * kTiles>(work, grad_weight, grad_bias);
  else
    launch<TensorCoreSums<kTiles>, 8 * kTiles>(work, grad_weight, grad_bias);
}

/// Channels that a block takes, in eights.
int tiles_of(int64_t channels) {
  return channels % 24 == 0 ? 3 : channels % 16 == 0 ? 2 : 1;
}

Work work_of(const ConvStageGeometry& geometry) {
  const Conv2dGeometry& g = geometry.convolution;
  const int quad_rows = static_cast<int>(geometry.pooled_height);
  const int quad_columns = static_cast<int>(geometry.pooled_width);
  const int columns = 2 * quad_columns + 2;
  const int channels = 8 * tiles_of(g.in_channels);
  return {.batch = static_cast<int>(g.batch),
          .height = static_cast<int>(g.height.input),
          .width = static_cast<int>(g.width.input),
          .channels = static_cast<int>(g.in_channels),
          .outputs = static_cast<int>(g.out_channels),
          .pad_top = static_cast<int>(g.height.pad_before),
          .pad_left = static_cast<int>(g.width.pad_before),
          .rows = 2 * quad_rows + 2,
          .columns = columns,
          .layout = Layout(columns, channels, quad_rows * quad_columns, quad_columns),
          .by_rows = FastDivide(2 * quad_rows + 2),
          .by_columns = FastDivide(columns),
          .by_quads = FastDivide((quad_rows * quad_columns + 1) / 2 * 2)};
}

}  // namespace

size_t grad_weight_shared_bytes(const ConvStageGeometry& geometry) {
  return work_of(geometry).shared_bytes(24 * tiles_of(geometry.convolution.in_channels));
}

void grad_weight(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                 const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  Work work = work_of(geometry);
  work.input = input.data<float>();
  work.grad_output = grad_output.data<float>();
  work.winners = winners.data<uint8_t>();
  switch (tiles_of(work.channels)) {
    case 3:
      return run<3>(work, grad_weight, grad_bias);
    case 2:
      return run<2>(work, grad_weight, grad_bias);
    default:
      return run<1>(work, grad_weight, grad_bias);
  }
}

}  // namespace strata::cuda::many_channels
