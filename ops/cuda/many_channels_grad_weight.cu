// The gradient of a stage's filters: for tap (r, s), channel c and output k
//
//   dL/dw[k,r,s,c] = sum over quads of g'[quad,k] x[winner(quad,k) + (r, s), c]
//
// summed over every quad (2 x 2 window) of the batch. A block takes 32 outputs, all taps and up to
// 24 channels, and walks over the batch. Each of its two slots of three warps takes an image at a
// time, or, where a small batch has too few images for all multiprocessors, half of one; a warp
// takes the three taps of one row of the filters. Nobody adds to memory that another one adds to:
// each block writes its sums, and a second kernel adds up the blocks' in order.
#include "ops/cuda/batched_loop.cuh"
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/element.cuh"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/many_channels_sums.cuh"
#include "ops/cuda/sum_rows.cuh"
#include "ops/cuda/tensor_cores.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda::many_channels {
namespace {

constexpr int kFilterRows = 3;
constexpr int kSlots = 2;
constexpr int kThreads = kSlots * kFilterRows * 32;
constexpr int kBlocksPerMultiprocessor = 2;
constexpr int kBatch = 5;  // loads that a thread has under way

/// What the blocks work on; T is what activations are stored as.
template <class T>
struct Work {
  const T *input = nullptr, *grad_output = nullptr;
  const uint8_t* winners = nullptr;
  float* partial = nullptr;  // [block of the walk][outputs * 9 * channels + outputs]
  int batch, height, width, channels, outputs;
  int pad_top, pad_left, rows, columns;  // of the image in shared memory
  bool whole;  // the image in shared memory is that in global memory: no padding, nothing left out
  Layout layout;
  // Of the image in shared memory; by its row in float4s; by quads, made even.
  FastDivide by_rows, by_columns, by_row_vectors, by_quads;

  __host__ __device__ int image_floats() const { return rows * layout.row; }
  __host__ __device__ int64_t partial_floats() const {
    return int64_t{outputs} * (9 * channels + 1);
  }
  /// For a block that holds so many images at once.
  template <class Sums>
  size_t shared_bytes(int images_at_once) const {
    const int images = images_at_once * (image_floats() + Sums::gradient_floats(layout));
    const int exchange = Sums::kCount * kThreads / 2 + 4 * kThreads;
    return sizeof(float) * std::max(images, exchange);
  }
};

template <class Sums>
__device__ float4 rounded(float4 v) {
  return {Sums::rounded(v.x), Sums::rounded(v.y), Sums::rounded(v.z), Sums::rounded(v.w)};
}

/// Images [first, first + images), zeros around them.
template <class Sums, int kChannels, class T>
__device__ void load_images(const Work<T>& work, int first, int images, float* to) {
  constexpr int kVectors = kChannels / 4;
  const T* from = work.input + int64_t{first} * work.height * work.width * work.channels +
                  blockIdx.z * kChannels;
  const auto read_part = [&](int i) {
    const auto [line, column] = work.by_columns.divide(i / kVectors);
    const auto [image, row] = work.by_rows.divide(line);
    const int y = row - work.pad_top, x = column - work.pad_left;
    if (y < 0 || y >= work.height || x < 0 || x >= work.width) return float4{};
    const int pixel = (image * work.height + y) * work.width + x;
    return load4(from + pixel * work.channels + 4 * (i % kVectors));
  };
  const auto read_whole = [&](int i) {
    return load4(from + i / kVectors * work.channels + 4 * (i % kVectors));
  };
  const auto write = [&](int i, float4 value) {
    const auto [line, vector] = work.by_row_vectors.divide(i);
    const int padding = (kPitch<kChannels> - kChannels) * (vector / kVectors);
    store4(to + line * work.layout.row + 4 * vector + padding, rounded<Sums>(value));
  };
  const int count = images * work.rows * work.columns * kVectors;
  if (work.whole)
    batched_loop<kBatch, kThreads>(count, read_whole, write);
  else
    batched_loop<kBatch, kThreads>(count, read_part, write);
}

/// The gradients of the same images' quads. Also adds up this thread's part of the bias gradient:
/// the four outputs that it loads are always the same.
template <class Sums, class T>
__device__ void load_gradients(const Work<T>& work, int first, int images, float* to,
                               float4& bias) {
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
    return Gradients{load4(work.grad_output + at),
                     *reinterpret_cast<const uchar4*>(work.winners + at)};
  };
  const auto write = [&](int i, const Gradients& loaded) {
    const auto& [g, winner] = loaded;
    const auto [image, quad] = work.by_quads.divide(i / kVectors);
    const float4 open = {winner.x == kNoWinner ? 0 : g.x, winner.y == kNoWinner ? 0 : g.y,
                         winner.z == kNoWinner ? 0 : g.z, winner.w == kNoWinner ? 0 : g.w};
    bias = {bias.x + open.x, bias.y + open.y, bias.z + open.z, bias.w + open.w};
    Sums::store(to + image * Sums::gradient_floats(work.layout), work.layout, quad, own, open,
                winner);
  };
  batched_loop<2, kThreads>(images * work.layout.quad_pairs() * 2 * kVectors, read, write);
}

/// Adds the second slot's sums to the first's and writes them.
template <class Sums, int kChannels, class T>
__device__ void write_sums(const Work<T>& work, Sums& product, float* exchange, float* partial) {
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

template <class T>
__device__ void write_bias(const Work<T>& work, const float4* sums, float* partial) {
  constexpr int kVectors = kOutputs / 4;
  const int k = blockIdx.y * kOutputs + threadIdx.x;
  if (blockIdx.z != 0 || threadIdx.x >= kOutputs || k >= work.outputs) return;
  const float* mine = reinterpret_cast<const float*>(sums) + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < kThreads / kVectors; ++i) sum += mine[i * kOutputs];
  partial[work.outputs * 9 * work.channels + k] = sum;
}

// Block (x, y, z): images kImages x, kImages (x + gridDim.x) and so on, kImages of them at once; 32
// outputs from 32 y on; kChannels channels from kChannels z on.
template <class Sums, int kChannels, int kImages, class T>
__global__ void __launch_bounds__(kThreads, kBlocksPerMultiprocessor)
    conv_stage_grad_weight_kernel(Work<T> work) {
  extern __shared__ float4 shared[];
  float* pixels = reinterpret_cast<float*>(shared);
  float* gradients = pixels + kImages * work.image_floats();
  const int slot = threadIdx.x / 32 / kFilterRows, r = threadIdx.x / 32 % kFilterRows;
  const int image = kImages == 1 ? 0 : slot;
  const QuadRange range =
      kImages == 1 ? half_of(work.layout, slot) : QuadRange{0, work.layout.quads};
  Sums product;
  float4 bias = {};
  take_turn();
  for (int first = blockIdx.x * kImages; first < work.batch; first += gridDim.x * kImages) {
    const int images = min(kImages, work.batch - first);
    load_images<Sums, kChannels>(work, first, images, pixels);
    load_gradients<Sums>(work, first, images, gradients, bias);
    __syncthreads();
    if (image < images)
      product.template run<kPitch<kChannels>>(
          work.layout, pixels + image * work.image_floats() + r * work.layout.row,
          gradients + image * Sums::gradient_floats(work.layout), range);
    __syncthreads();  // before the images are overwritten
  }
  pass_turn();
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

template <class Sums, int kChannels, int kImages, class T>
void launch(Work<T> work, Tensor& grad_weight, Tensor& grad_bias) {
  const auto kernel = conv_stage_grad_weight_kernel<Sums, kChannels, kImages, T>;
  static const bool allowed = [&] {
    STRATA_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     device_info().shared_bytes));
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
  const size_t bytes = shared_bytes_apart(work.template shared_bytes<Sums>(kImages),
                                          int64_t{walks} * output_blocks * channel_blocks);
  launch_in_turn("conv2d_relu_max_pool: weight gradient", kernel, {grid, kThreads, bytes}, work);
  const int64_t weights = grad_weight.size();
  const int64_t columns = grad_bias.defined() ? work.partial_floats() : weights;
  const StoreGradients result{grad_weight.data<float>(),
                              grad_bias.defined() ? grad_bias.data<float>() : nullptr, weights};
  sum_rows("conv2d_relu_max_pool: weight gradient", MatrixRows{work.partial, work.partial_floats()},
           result, walks, columns, walks);
}

template <class Sums, int kChannels, class T>
void launch(const Work<T>& work, Tensor& grad_weight, Tensor& grad_bias) {
  if (work.batch <= device_info().multiprocessors)
    launch<Sums, kChannels, 1>(work, grad_weight, grad_bias);
  else
    launch<Sums, kChannels, kSlots>(work, grad_weight, grad_bias);
}

template <int kTiles, class T>
void run(const Work<T>& work, Tensor& grad_weight, Tensor& grad_bias) {
  if constexpr (std::is_same_v<T, float>)
    if (!use_tensor_cores())
      return launch<ScalarSums<kTiles>, 8 * kTiles>(work, grad_weight, grad_bias);
  launch<TensorCoreSums<kTiles>, 8 * kTiles>(work, grad_weight, grad_bias);
}

/// Channels that a block takes, in eights.
int tiles_of(int64_t channels) {
  return channels % 24 == 0 ? 3 : channels % 16 == 0 ? 2 : 1;
}

template <class T>
Work<T> work_of(const ConvStageGeometry& geometry) {
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
          .whole = g.height.pad_before == 0 && g.width.pad_before == 0 &&
                   2 * quad_rows + 2 == g.height.input && columns == g.width.input,
          .layout = Layout(columns, channels == 8 ? 8 : 24, quad_rows * quad_columns, quad_columns),
          .by_rows = FastDivide(2 * quad_rows + 2),
          .by_columns = FastDivide(columns),
          .by_row_vectors = FastDivide(columns * channels / 4),
          .by_quads = FastDivide((quad_rows * quad_columns + 1) / 2 * 2)};
}

template <class T>
void run(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
         const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  Work<T> work = work_of<T>(geometry);
  work.input = input.data<T>();
  work.grad_output = grad_output.data<T>();
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

}  // namespace

size_t grad_weight_shared_bytes(const ConvStageGeometry& geometry) {
  return work_of<float>(geometry).shared_bytes<TensorCoreSums<3>>(kSlots);  // the largest of all
}

void grad_weight(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                 const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  (grad_output.dtype() == DType::bfloat16 ? run<BFloat16> : run<float>)(geometry, input, winners,
                                                                        grad_output, grad_weight,
                                                                        grad_bias);
}

}  // namespace strata::cuda::many_channels
