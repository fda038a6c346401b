// The forward pass of a convolutional stage over one or three channels on tensor cores, in TF32.
//
// Rows of the product are pixels, columns output channels. A warp takes eight windows as two tiles
// of 16 pixels, the upper and the lower pixels of the windows, so that a thread ends with all four
// pixels of a window for its channels and pools them in registers. The weights stay in registers;
// the patches are read from shared memory where the image lies (few_channels_tf32.cuh), rounded
// once when it arrives. For LeNet's first stage 48 products of tiles stand beside some 32 loads and
// 100 other instructions; the time is that of writing the output. blockIdx.y is a block of
// channels.
#include "ops/cuda/few_channels_kernels.h"
#include "ops/cuda/few_channels_tf32.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/pool_window.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda::few_channels {
namespace {

template <class T>
struct ForwardOperands {
  const float *input, *weight, *bias;  // bias may be null
  PooledOutput<T> output;
};

/// kSteps tiles of eight patch elements by kTiles tiles of eight channels.
template <int kSteps, int kTiles>
struct WeightFragments {
  uint32_t b[kSteps][kTiles][2];
};

/// Starts copying the weights of `count` channels from `first` on; zeros past the last.
template <int kFloats>
__device__ void copy_weight(int first, int count, int outputs, const float* weight, float* shared) {
  for (int i = threadIdx.x; i < count * kFloats; i += blockDim.x) {
    const bool exists = first + i / kFloats < outputs;
    copy_async_4(shared + i, weight + (exists ? first * kFloats + i : 0), exists);
  }
}

template <int kFloats, int kSteps, int kTiles>
__device__ void load_weight(const float* shared, WeightFragments<kSteps, kTiles>& weight) {
  const int group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int i = 0; i < kSteps * kTiles * 2; ++i) {
    const int step = i / 2 / kTiles, tile = i / 2 % kTiles, half = i % 2;
    const int element = 8 * step + 4 * half + t;
    weight.b[step][tile][half] =
        element < kFloats ? to_tf32(shared[(8 * tile + group) * kFloats + element]) : 0;
  }
}

/// Adds the convolution at the pixels of a window of this thread's group: sums[m] holds the pixels
/// of the window's row m. `offsets` are those of the patch elements 8 step + t and 4 beyond.
template <int kChannels, int kSteps, int kTiles>
__device__ void convolve_octet(const float* corner, int pitch, const int (&offsets)[kSteps][2],
                               const WeightFragments<kSteps, kTiles>& weight,
                               float (&sums)[2][kTiles][4]) {
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int m = 0; m < 2; ++m) {
      const float* first = corner + offsets[step][0] + m * pitch;
      const float* second = corner + offsets[step][1] + m * pitch;
      const uint32_t a[4] = {__float_as_uint(first[0]), __float_as_uint(first[kChannels]),
                             __float_as_uint(second[0]), __float_as_uint(second[kChannels])};
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile)
        mma_tf32_16x8x8(sums[m][tile], a, weight.b[step][tile]);
    }
  }
}

template <int kTiles, class T>
__device__ void store_octet(const PooledOutput<T>& output, int offset, int channels,
                            const float (&sums)[2][kTiles][4]) {
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    PooledWindow pooled[2];
#pragma unroll
    for (int k = 0; k < 2; ++k)
      pooled[k] = pool_window(
          {sums[0][tile][k], sums[0][tile][2 + k], sums[1][tile][k], sums[1][tile][2 + k]});
    output.store(offset + 8 * tile, channels - 8 * tile, pooled[0], pooled[1]);
  }
}

template <int kWindow, int kChannels, int kTiles, class T>
__global__ void __launch_bounds__(32 * kMostWarps, kBlocksAtOnce<kWindow, kChannels>)
    few_channels_tf32_forward_kernel(Bands bands, Octets octets, ForwardOperands<T> operands) {
  constexpr int kFloats = Patch<kWindow, kChannels>::kFloats, kSteps = (kFloats + 7) / 8;
  extern __shared__ __align__(16) float shared[];
  float* shared_weight = shared + 2 * bands.tile_floats();
  const int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const int first_channel = 8 * kTiles * blockIdx.y, own_channel = first_channel + 2 * t;

  take_turn();
  copy_weight<kFloats>(first_channel, 8 * kTiles, bands.outputs, operands.weight, shared_weight);
  copy_tile<1>(bands, blockIdx.x, operands.input, shared);
  copy_async_commit();
  float bias[kTiles][2];
#pragma unroll
  for (int i = 0; i < 2 * kTiles; ++i) {
    const int k = own_channel + i / 2 * 8 + i % 2;
    bias[i / 2][i % 2] = operands.bias != nullptr && k < bands.outputs ? operands.bias[k] : 0.0f;
  }
  int offsets[kSteps][2];
#pragma unroll
  for (int i = 0; i < 2 * kSteps; ++i)
    offsets[i / 2][i % 2] = Patch<kWindow, kChannels>::offset(4 * i + t, bands.pitch);

  WeightFragments<kSteps, kTiles> weight;
  int stage = 0;
  for (int index = blockIdx.x; index < bands.count; index += gridDim.x, stage ^= 1) {
    float* tile = shared + stage * bands.tile_floats();
    copy_async_wait<0>();
    round_tile(bands, tile);
    __syncthreads();  // the tile is here, and nobody reads the other one any more
    if (index + gridDim.x < bands.count)
      copy_tile<1>(bands, index + gridDim.x, operands.input,
                   shared + (stage ^ 1) * bands.tile_floats());
    else
      pass_turn();
    copy_async_commit();
    if (index == blockIdx.x) load_weight<kFloats>(shared_weight, weight);

    const Bands::Band band = bands.band(index);
    const int windows = band.rows * bands.pooled_width;
    for (int first = kWindowsAtOnce * warp; first < windows;
         first += kWindowsAtOnce * octets.warps) {
      const int window = first + group;
      float sums[2][kTiles][4];
#pragma unroll
      for (int i = 0; i < 8 * kTiles; ++i)
        sums[i / 4 / kTiles][i / 4 % kTiles][i % 4] = bias[i / 4 % kTiles][i % 2];
      const int corner = octets.corner<kChannels>(bands, min(window, windows - 1));
      convolve_octet<kChannels>(tile + corner, bands.pitch, offsets, weight, sums);
      if (window < windows)
        store_octet(operands.output, (band.first_output + window) * bands.outputs + own_channel,
                    bands.outputs - own_channel, sums);
    }
  }
}

template <int kWindow, int kChannels, int kTiles, class T>
void launch(const ConvStageGeometry& geometry, const ForwardOperands<T>& operands) {
  // Rows 16 banks apart: eight windows side by side take 18 neighbouring banks of a row, and
  // fragments touch two rows at a time.
  const int blocks = 2 * device_info().multiprocessors;
  const Bands bands = bands_of_octets(geometry, blocks, 16, 0, kTileBytes);
  const Octets octets(bands);
  const int weight_floats = 8 * kTiles * Patch<kWindow, kChannels>::kFloats;
  const size_t bytes = (2 * bands.tile_floats() + weight_floats) * sizeof(float);
  const dim3 grid(static_cast<unsigned>(std::min(blocks, bands.count)),
                  static_cast<unsigned>(column_blocks(bands.outputs)));
  launch_in_turn("conv2d_relu_max_pool: few channels, TF32",
                 few_channels_tf32_forward_kernel<kWindow, kChannels, kTiles, T>,
                 {grid, octets.threads(), bytes}, bands, octets, operands);
}

template <int kWindow, int kChannels, class T>
void launch(const ConvStageGeometry& geometry, const ForwardOperands<T>& operands) {
  column_tiles(static_cast<int>(geometry.convolution.out_channels)) == 3
      ? launch<kWindow, kChannels, 3>(geometry, operands)
      : launch<kWindow, kChannels, 4>(geometry, operands);
}

template <class T>
void run(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
         const Tensor& bias, Tensor& output, Tensor& winners) {
  const ForwardOperands<T> operands{input.data<float>(), weight.data<float>(),
                                    bias.defined() ? bias.data<float>() : nullptr,
                                    PooledOutput<T>(output, winners)};
  const bool wide = geometry.convolution.height.window == 5;
  const bool one = geometry.convolution.in_channels == 1;
  if (wide) return one ? launch<5, 1>(geometry, operands) : launch<5, 3>(geometry, operands);
  one ? launch<3, 1>(geometry, operands) : launch<3, 3>(geometry, operands);
}

}  // namespace

void forward_tf32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& weight,
                  const Tensor& bias, Tensor& output, Tensor& winners) {
  (output.dtype() == DType::bfloat16 ? run<BFloat16> : run<float>)(geometry, input, weight, bias,
                                                                   output, winners);
}

}  // namespace strata::cuda::few_channels
