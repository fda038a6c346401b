// The gradient of the weight and bias of a convolutional stage over one or three channels in
// float32.
//
// A thread owns two output channels and keeps the sums of their weights' gradients for one input
// channel (50 for windows of 5 x 5) in registers. It takes two pooled pixels at a time: their
// gradients, put at the pixel that won each window and 0 at the other three, times the
// neighbourhood read row by row from shared memory, as in the forward pass. To multiply by these
// zeros is what keeps all lanes together: the winner's own neighbourhood alone would be a quarter
// of the multiply-adds, but each with a load of its own, and shared memory serves one load of a
// warp in the time of four multiply-adds. At the end the block's groups of threads, then the
// blocks, add their sums in order, the latter in a second kernel. blockIdx.y is the input channel.
#include "ops/cuda/few_channels_kernels.h"
#include "ops/cuda/few_channels_strips.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/pool_window.cuh"
#include "ops/cuda/sum_rows.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda::few_channels {
namespace {

struct GradWeightOperands {
  const float *input, *grad_output;
  const uint8_t* winners;
  bool paired;   // can_pair
  float* parts;  // of the blocks
};

/// The gradients of two windows, neighbours in a row, for two channels.
struct StripGradients {
  float2 value[kStrip];
  uchar2 winner[kStrip];
};

__device__ StripGradients load_gradients(const Bands& bands, const Strips& strips,
                                         const Bands::Band& band, int item, int pair,
                                         const GradWeightOperands& operands) {
  StripGradients result;
  const auto [row, strip] = strips.by_row.divide(item);
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    const int column = kStrip * strip + i;
    result.value[i] = {0, 0};
    result.winner[i] = {kNoWinner, kNoWinner};
    if (column >= bands.pooled_width || row >= band.rows) continue;
    const int offset =
        (band.first_output + row * bands.pooled_width + column) * bands.outputs + 2 * pair;
    if (operands.paired) {
      result.value[i] = *reinterpret_cast<const float2*>(operands.grad_output + offset);
      result.winner[i] = *reinterpret_cast<const uchar2*>(operands.winners + offset);
    } else {
      result.value[i].x = operands.grad_output[offset];
      result.winner[i].x = operands.winners[offset];
      if (2 * pair + 1 == bands.outputs) continue;
      result.value[i].y = operands.grad_output[offset + 1];
      result.winner[i].y = operands.winners[offset + 1];
    }
  }
  return result;
}

template <int kWindow>
struct Sums {
  float2 weight[kWindow * kWindow];
  float2 bias;
};

/// Adds what a strip gives. `corner` is the first pixel of its neighbourhood.
template <int kWindow>
__device__ void add_strip(const float* corner, int pitch, const StripGradients& gradients,
                          Sums<kWindow>& sums) {
  float2 g[2][2 * kStrip];  // by row and column of the convolution
#pragma unroll
  for (int i = 0; i < 4 * kStrip; ++i) {
    const int window = i / 4, pixel = i % 4;
    const float2 value = gradients.value[window];
    const uchar2 winner = gradients.winner[window];
    g[pixel / 2][2 * window + pixel % 2] = {winner.x == pixel ? value.x : 0.0f,
                                            winner.y == pixel ? value.y : 0.0f};
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (gradients.winner[i].x != kNoWinner) sums.bias.x += gradients.value[i].x;
    if (gradients.winner[i].y != kNoWinner) sums.bias.y += gradients.value[i].y;
  }
#pragma unroll
  for (int row = 0; row <= kWindow; ++row) {
    float x[2 * kStrip + kWindow - 1];
    load_row(corner + row * pitch, x);
#pragma unroll
    for (int i = 0; i < 4 * kStrip; ++i) {
      const int y = i / (2 * kStrip), column = i % (2 * kStrip), r = row - y;
      if (r < 0 || r >= kWindow) continue;
#pragma unroll
      for (int s = 0; s < kWindow; ++s) {
        float2& sum = sums.weight[r * kWindow + s];
        sum = {fmaf(g[y][column].x, x[column + s], sum.x),
               fmaf(g[y][column].y, x[column + s], sum.y)};
      }
    }
  }
}

/// Adds the sums of a block's groups: one row of weights at a time, so that little shared memory
/// does, and the bias after them. `part` is (R S + 1, 2 pairs).
template <int kWindow>
__device__ void sum_groups(const Strips& strips, int group, int pair, const Sums<kWindow>& sums,
                           float* shared, float* part) {
  const int columns = 2 * strips.pairs, row_floats = kWindow * columns;
#pragma unroll
  for (int row = 0; row <= kWindow; ++row) {
    __syncthreads();
#pragma unroll
    for (int s = 0; s < kWindow; ++s) {
      const float2 sum = row < kWindow ? sums.weight[row % kWindow * kWindow + s] : sums.bias;
      *reinterpret_cast<float2*>(shared + group * row_floats + s * columns + 2 * pair) = sum;
    }
    __syncthreads();
    const int wanted = row < kWindow ? row_floats : columns;
    for (int i = threadIdx.x; i < wanted; i += blockDim.x) {
      float sum = 0;
      for (int g = 0; g < strips.groups; ++g) sum += shared[g * row_floats + i];
      part[row * row_floats + i] = sum;
    }
  }
}

template <int kWindow, int kChannels>
__global__ void __launch_bounds__(kStripThreads, 2)
    few_channels_grad_weight_kernel(Bands bands, Strips strips, GradWeightOperands operands) {
  constexpr int kTaps = kWindow * kWindow;
  extern __shared__ __align__(16) float shared[];
  const int tile_size = kChannels * bands.tile_floats(), channel = blockIdx.y;
  const auto [group, pair] = strips.by_pairs.divide(static_cast<int>(threadIdx.x));

  copy_tile<kChannels>(bands, blockIdx.x, operands.input, shared);
  take_turn();
  copy_async_commit();
  Sums<kWindow> sums{};
  int stage = 0;
  for (int index = blockIdx.x; index < bands.count; index += gridDim.x, stage ^= 1) {
    const Bands::Band band = bands.band(index);
    StripGradients next = load_gradients(bands, strips, band, group, pair, operands);
    copy_async_wait<0>();
    __syncthreads();  // the tile is here, and nobody reads the other one any more
    if (index + gridDim.x < bands.count)
      copy_tile<kChannels>(bands, index + gridDim.x, operands.input,
                           shared + (stage ^ 1) * tile_size);
    copy_async_commit();

    const float* tile = shared + stage * tile_size + channel * bands.tile_floats();
    for (int item = group; item < band.rows * strips.per_row; item += strips.groups) {
      const StripGradients gradients = next;
      next = load_gradients(bands, strips, band, item + strips.groups, pair, operands);
      const auto [row, strip] = strips.by_row.divide(item);
      add_strip<kWindow>(tile + 2 * row * bands.pitch + 2 * kStrip * strip, bands.pitch, gradients,
                         sums);
    }
  }

  pass_turn();
  const int columns = 2 * strips.pairs, count = (kTaps + 1) * columns;
  copy_async_wait<0>();
  sum_groups<kWindow>(strips, group, pair, sums, shared, part_of_block(operands.parts, count));
}

/// Where the blocks' sums go: element i of input channel `chunk`.
template <int kTaps, int kChannels>
struct StoreGradients {
  float *weight, *bias;  // bias may be null
  int outputs, columns;
  __device__ void operator()(int chunk, int64_t i, float sum) const {
    const int tap = static_cast<int>(i) / columns, k = static_cast<int>(i) % columns;
    if (k >= outputs) return;
    if (tap < kTaps)
      weight[(k * kTaps + tap) * kChannels + chunk] = sum;
    else if (bias != nullptr && chunk == 0)
      bias[k] = sum;
  }
};

template <int kWindow, int kChannels>
void launch(const ConvStageGeometry& geometry, GradWeightOperands operands, Tensor& grad_weight,
            Tensor& grad_bias) {
  const int most_blocks = 2 * device_info().multiprocessors;
  const Bands bands = bands_of_strips(geometry, most_blocks);
  const Strips strips(bands);
  operands.paired = can_pair(bands.outputs, operands.grad_output, operands.winners);
  const int blocks = std::min(most_blocks, bands.count);
  const int tile_floats = 2 * kChannels * bands.tile_floats();
  const int sum_floats = static_cast<int>(strips.threads()) * 2 * kWindow;
  const size_t bytes = std::max(tile_floats, sum_floats) * sizeof(float);

  const MemoryScope scope(MemoryUse::workspace);
  const int count = (kWindow * kWindow + 1) * 2 * strips.pairs;
  const Shape shape = {kChannels, blocks, count};
  const Tensor parts = Tensor::empty(shape, DType::float32, Device::gpu);
  operands.parts = parts.data<float>();
  const dim3 grid(static_cast<unsigned>(blocks), kChannels);
  launch_in_turn("conv2d_relu_max_pool: weight gradient of few channels",
                 few_channels_grad_weight_kernel<kWindow, kChannels>,
                 {grid, strips.threads(), bytes}, bands, strips, operands);
  const StoreGradients<kWindow * kWindow, kChannels> result{
      grad_weight.data<float>(), grad_bias.defined() ? grad_bias.data<float>() : nullptr,
      bands.outputs, 2 * strips.pairs};
  sum_rows("conv2d_relu_max_pool: weight gradient of few channels",
           MatrixRows{operands.parts, count}, result, kChannels * blocks, count, blocks);
}

}  // namespace

void grad_weight_float32(const ConvStageGeometry& geometry, const Tensor& input,
                         const Tensor& winners, const Tensor& grad_output, Tensor& grad_weight,
                         Tensor& grad_bias) {
  GradWeightOperands operands{};
  operands.input = input.data<float>();
  operands.grad_output = grad_output.data<float>();
  operands.winners = winners.data<uint8_t>();
  const bool wide = geometry.convolution.height.window == 5;
  const bool one = geometry.convolution.in_channels == 1;
  if (wide)
    return one ? launch<5, 1>(geometry, operands, grad_weight, grad_bias)
               : launch<5, 3>(geometry, operands, grad_weight, grad_bias);
  one ? launch<3, 1>(geometry, operands, grad_weight, grad_bias)
      : launch<3, 3>(geometry, operands, grad_weight, grad_bias);
}

}  // namespace strata::cuda::few_channels
