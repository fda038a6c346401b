// The forward pass of a convolutional stage over one or three channels in float32.
//
// A thread owns two output channels, whose weights (of one input channel: 50 for windows of 5 x 5)
// stay in its registers, and computes two pooled pixels that are neighbours in a row at a time:
// eight pixels of the convolution by two channels. It reads their neighbourhood row by row from
// shared memory, 8 floats for 80 multiply-adds in the middle rows, and pools in registers; 80% and
// more of its instructions are multiply-adds, whose rate is the limit. Neighbouring threads own
// neighbouring channels: they read the same pixels, which shared memory serves at once, and write
// whole sectors of memory. The tile of the next band is on its way while one is computed.
#include "ops/cuda/few_channels_kernels.h"
#include "ops/cuda/few_channels_strips.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/pool_window.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda::few_channels {
namespace {

struct ForwardOperands {
  const float *input, *weight, *bias;  // bias may be null
  PooledOutput<float> output;
};

/// weight (K, R, S, C) to shared memory as (C, R S, 2 `pairs`), so that a thread reads its two
/// channels at once; zeros where K is odd.
template <int kWindow, int kChannels>
__device__ void copy_weight(const Strips& strips, int outputs, const float* weight, float* shared) {
  constexpr int kTaps = kWindow * kWindow;
  const int columns = 2 * strips.pairs;
  for (int i = threadIdx.x; i < columns * kTaps * kChannels; i += blockDim.x) {
    const int k = i / (kTaps * kChannels), tap = i / kChannels % kTaps, channel = i % kChannels;
    copy_async_4(shared + (channel * kTaps + tap) * columns + k, weight + (k < outputs ? i : 0),
                 k < outputs);
  }
}

template <int kTaps>
__device__ void load_weight(const float* shared, int columns, float2 (&weight)[kTaps]) {
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap)
    weight[tap] = *reinterpret_cast<const float2*>(shared + tap * columns);
}

/// Adds to the eight pixels of a strip what one input channel gives. `corner` is the first pixel of
/// the strip's neighbourhood.
template <int kWindow>
__device__ void convolve_strip(const float* corner, int pitch,
                               const float2 (&weight)[kWindow * kWindow],
                               float (&sums)[2][kStrip][4]) {
#pragma unroll
  for (int row = 0; row <= kWindow; ++row) {
    float x[2 * kStrip + kWindow - 1];
    load_row(corner + row * pitch, x);
#pragma unroll
    for (int tap = 0; tap < 2 * kWindow; ++tap) {  // in the convolution's row 0, then in row 1
      const int y = tap / kWindow, r = row - y, s = tap % kWindow;
      if (r < 0 || r >= kWindow) continue;
      const float2 w = weight[r * kWindow + s];
#pragma unroll
      for (int column = 0; column < 2 * kStrip; ++column) {
        const int pixel = 2 * y + column % 2;
        sums[0][column / 2][pixel] = fmaf(w.x, x[column + s], sums[0][column / 2][pixel]);
        sums[1][column / 2][pixel] = fmaf(w.y, x[column + s], sums[1][column / 2][pixel]);
      }
    }
  }
}

template <int kWindow, int kChannels>
__global__ void __launch_bounds__(kStripThreads, 2)
    few_channels_forward_kernel(Bands bands, Strips strips, ForwardOperands operands) {
  constexpr int kTaps = kWindow * kWindow;
  extern __shared__ __align__(16) float shared[];
  const int tile_size = kChannels * bands.tile_floats();
  float* shared_weight = shared + 2 * tile_size;
  const auto [group, pair] = strips.by_pairs.divide(static_cast<int>(threadIdx.x));
  const int columns = 2 * strips.pairs, wanted = min(2, bands.outputs - 2 * pair);

  take_turn();
  copy_weight<kWindow, kChannels>(strips, bands.outputs, operands.weight, shared_weight);
  copy_tile<kChannels>(bands, blockIdx.x, operands.input, shared);
  copy_async_commit();
  float bias[2] = {};
  for (int k = 0; k < wanted && operands.bias != nullptr; ++k)
    bias[k] = operands.bias[2 * pair + k];

  float2 weight[kTaps];
  int stage = 0;
  for (int index = blockIdx.x; index < bands.count; index += gridDim.x, stage ^= 1) {
    copy_async_wait<0>();
    __syncthreads();  // the tile is here, and nobody reads the other one any more
    if (index + gridDim.x < bands.count)
      copy_tile<kChannels>(bands, index + gridDim.x, operands.input,
                           shared + (stage ^ 1) * tile_size);
    else
      pass_turn();
    copy_async_commit();
    if (kChannels == 1 && index == blockIdx.x)
      load_weight(shared_weight + 2 * pair, columns, weight);

    const float* tile = shared + stage * tile_size;
    const Bands::Band band = bands.band(index);
    for (int item = group; item < band.rows * strips.per_row; item += strips.groups) {
      const auto [row, strip] = strips.by_row.divide(item);
      float sums[2][kStrip][4];
#pragma unroll
      for (int i = 0; i < 8 * kStrip; ++i)
        sums[i / 4 / kStrip][i / 4 % kStrip][i % 4] = bias[i / 4 / kStrip];
#pragma unroll 1
      for (int channel = 0; channel < kChannels; ++channel) {
        if (kChannels > 1)
          load_weight(shared_weight + channel * kTaps * columns + 2 * pair, columns, weight);
        const float* corner =
            tile + channel * bands.tile_floats() + 2 * row * bands.pitch + 2 * kStrip * strip;
        convolve_strip<kWindow>(corner, bands.pitch, weight, sums);
      }
#pragma unroll
      for (int i = 0; i < kStrip; ++i) {
        const int column = kStrip * strip + i;
        const int window = band.first_output + row * bands.pooled_width + column;
        if (column < bands.pooled_width)
          operands.output.store(window * bands.outputs + 2 * pair, wanted, pool_window(sums[0][i]),
                                pool_window(sums[1][i]));
      }
    }
  }
}

template <int kWindow, int kChannels>
void launch(const ConvStageGeometry& geometry, const ForwardOperands& operands) {
  const int blocks = 2 * device_info().multiprocessors;
  const Bands bands = bands_of_strips(geometry, blocks);
  const Strips strips(bands);
  const int weight_floats = kWindow * kWindow * kChannels * 2 * strips.pairs;
  const size_t bytes = (2 * kChannels * bands.tile_floats() + weight_floats) * sizeof(float);
  launch_in_turn("conv2d_relu_max_pool: few channels",
                 few_channels_forward_kernel<kWindow, kChannels>,
                 {static_cast<unsigned>(std::min(blocks, bands.count)), strips.threads(), bytes},
                 bands, strips, operands);
}

}  // namespace

void forward_float32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
                     const Tensor& bias, Tensor& output, Tensor& winners) {
  const ForwardOperands operands{input.data<float>(), weight.data<float>(),
                                 bias.defined() ? bias.data<float>() : nullptr,
                                 PooledOutput<float>(output, winners)};
  const bool wide = geometry.convolution.height.window == 5;
  const bool one = geometry.convolution.in_channels == 1;
  if (wide) return one ? launch<5, 1>(geometry, operands) : launch<5, 3>(geometry, operands);
  one ? launch<3, 1>(geometry, operands) : launch<3, 3>(geometry, operands);
}

}  // namespace strata::cuda::few_channels
