// The gradient of the weight and bias of a convolutional stage over one or three channels on tensor
// cores, in TF32.
//
// Rows of the product are the elements of a patch (and one row of ones, which gives the bias's
// gradient), columns output channels, and the sum runs over pixels. A warp takes eight windows in
// four steps, in step j the pixel j of each: a thread reads the gradients and winners of two
// windows once, and multiplies in step j those that pixel j has won, zeros in place of the others.
// The patches are read from shared memory where the image lies (few_channels_tf32.cuh). At the end
// the warps of a block, then the blocks, add their sums in order, the latter in a second kernel.
// blockIdx.y is a block of channels.
#include "ops/cuda/element.cuh"
#include "ops/cuda/few_channels_kernels.h"
#include "ops/cuda/few_channels_tf32.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/sum_rows.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda::few_channels {
namespace {

// All that may be had without asking for more, but for a little.
constexpr int kStageBytes = 24000;

template <class T>
struct GradWeightOperands {
  const float* input;
  const T* grad_output;
  const uint8_t* winners;
  float* parts;  // of the blocks
};

/// One of the two stages of a block's shared memory: a band's tile, gradients and winners.
template <int kTiles, class T>
struct Stage {
  // From a window's gradients to the next: four windows side by side fall into different banks.
  static constexpr int kPitch = kTiles % 4 == 0 ? 8 * kTiles + 8 : 8 * kTiles;
  static constexpr int kWindowBytes = kPitch * static_cast<int>(sizeof(T)) + 8 * kTiles;

  float* tile;
  T* values;         // (windows, kPitch)
  uint8_t* winners;  // (windows, 8 kTiles)

  __device__ Stage(const Bands& bands, float* shared, int stage) {
    const int windows = windows_of_octets(bands.rows * bands.pooled_width);
    tile = shared + stage * floats(bands);
    values = reinterpret_cast<T*>(tile + bands.tile_floats());
    winners = reinterpret_cast<uint8_t*>(values + windows * kPitch);
  }

  __host__ __device__ static int floats(const Bands& bands) {
    const int windows = windows_of_octets(bands.rows * bands.pooled_width);
    return bands.tile_floats() + windows * kWindowBytes / 4;
  }
};

/// Starts copying what a band needs besides its tile, with zeros for windows and channels that are
/// not there, whose "winners" then give nothing.
template <int kTiles, class T>
__device__ void copy_gradients(const Bands& bands, int index, int first_channel,
                               const GradWeightOperands<T>& operands,
                               const Stage<kTiles, T>& stage) {
  constexpr int kPiece = 16 / sizeof(T), kPieces = 8 * kTiles / kPiece;
  const Bands::Band band = bands.band(index);
  const int windows = band.rows * bands.pooled_width, all = windows_of_octets(windows);
  const auto source = [&](int window, int channel) {
    return (band.first_output + window) * bands.outputs + channel;
  };
  for (int i = threadIdx.x; i < all * kPieces; i += blockDim.x) {
    const int window = i / kPieces, place = i % kPieces * kPiece, channel = first_channel + place;
    const bool exists = window < windows && channel < bands.outputs;
    copy_async_16(stage.values + window * Stage<kTiles, T>::kPitch + place,
                  operands.grad_output + (exists ? source(window, channel) : 0), exists);
  }
  for (int i = threadIdx.x; i < all * kTiles; i += blockDim.x) {
    const int window = i / kTiles, place = i % kTiles * 8, channel = first_channel + place;
    const bool exists = window < windows && channel < bands.outputs;
    copy_async_8(stage.winners + window * 8 * kTiles + place,
                 operands.winners + (exists ? source(window, channel) : 0), exists);
  }
  copy_async_commit();
}

/// Of the windows t and t + 4 of eight, for the channels 8 tile + group.
template <int kTiles>
struct OctetGradients {
  uint32_t value[kTiles][2];  // TF32
  int winner[kTiles][2];

  template <class T>
  __device__ OctetGradients(const Stage<kTiles, T>& stage, int first) {
    const int group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i) {
      const int tile = i / 2, half = i % 2, window = first + 4 * half + t;
      const int channel = 8 * tile + group;
      value[tile][half] =
          to_tf32(static_cast<float>(stage.values[window * Stage<kTiles, T>::kPitch + channel]));
      winner[tile][half] = stage.winners[window * 8 * kTiles + channel];
    }
  }
};

/// Adds what eight windows give. `corners` are those of the windows t and t + 4, `offsets` those of
/// the patch elements group, group + 8 and so on; element kFloats is the row of ones.
template <int kFloats, int kChannels, int kRows, int kTiles>
__device__ void add_octet(const float* const (&corners)[2], int pitch,
                          const int (&offsets)[kRows][2], const OctetGradients<kTiles>& gradients,
                          float (&sums)[kRows][kTiles][4]) {
  const int group = threadIdx.x % 32 / 4;
#pragma unroll
  for (int pixel = 0; pixel < 4; ++pixel) {
    const int shift = pixel / 2 * pitch + pixel % 2 * kChannels;
    uint32_t b[kTiles][2];
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i)
      b[i / 2][i % 2] = gradients.winner[i / 2][i % 2] == pixel ? gradients.value[i / 2][i % 2] : 0;
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      uint32_t a[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int element = 16 * row + 8 * (i % 2);
        const float x = corners[i / 2][offsets[row][i % 2] + shift];
        const bool may_be_one = element <= kFloats && kFloats < element + 8;
        a[i] = __float_as_uint(may_be_one && element + group == kFloats ? 1.0f : x);
      }
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) mma_tf32_16x8x8(sums[row][tile], a, b[tile]);
    }
  }
}

/// Adds the sums of a block's warps, 16 rows at a time. `part` is (R S C + 1, 8 kTiles).
template <int kFloats, int kRows, int kTiles>
__device__ void sum_warps(const float (&sums)[kRows][kTiles][4], float* shared, float* part) {
  constexpr int kColumns = 8 * kTiles, kTileFloats = 16 * kColumns;
  const int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int row = 0; row < kRows; ++row) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i) {
      const int tile = i / 2, half = i % 2;
      const float* sum = sums[row][tile] + 2 * half;
      const int place = warp * kTileFloats + (group + 8 * half) * kColumns + 8 * tile + 2 * t;
      *reinterpret_cast<float2*>(shared + place) = {sum[0], sum[1]};
    }
    __syncthreads();
    const int wanted = min(kTileFloats, (kFloats + 1) * kColumns - row * kTileFloats);
    for (int i = threadIdx.x; i < wanted; i += blockDim.x) {
      float sum = 0;
      for (int w = 0; w < static_cast<int>(blockDim.x) / 32; ++w)
        sum += shared[w * kTileFloats + i];
      part[row * kTileFloats + i] = sum;
    }
  }
}

template <int kWindow, int kChannels, int kTiles, class T>
__global__ void __launch_bounds__(32 * kMostWarps, kBlocksAtOnce<kWindow, kChannels>)
    few_channels_tf32_grad_weight_kernel(Bands bands, Octets octets,
                                         GradWeightOperands<T> operands) {
  constexpr int kFloats = Patch<kWindow, kChannels>::kFloats, kRows = kFloats / 16 + 1;
  extern __shared__ __align__(16) float shared[];
  const int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const int first_channel = 8 * kTiles * blockIdx.y, stride = kWindowsAtOnce * octets.warps;

  const Stage<kTiles, T> first_stage(bands, shared, 0);
  copy_tile<1>(bands, blockIdx.x, operands.input, first_stage.tile);
  take_turn();
  copy_gradients<kTiles, T>(bands, blockIdx.x, first_channel, operands, first_stage);
  int offsets[kRows][2];
#pragma unroll
  for (int i = 0; i < 2 * kRows; ++i)
    offsets[i / 2][i % 2] = Patch<kWindow, kChannels>::offset(8 * i + group, bands.pitch);

  float sums[kRows][kTiles][4] = {};
  int parity = 0;
  for (int index = blockIdx.x; index < bands.count; index += gridDim.x, parity ^= 1) {
    const Stage<kTiles, T> stage(bands, shared, parity);
    copy_async_wait<0>();
    round_tile(bands, stage.tile);
    __syncthreads();  // the band is here, and nobody reads the other stage any more
    if (const int next = index + gridDim.x; next < bands.count) {
      const Stage<kTiles, T> next_stage(bands, shared, parity ^ 1);
      copy_tile<1>(bands, next, operands.input, next_stage.tile);
      copy_gradients<kTiles, T>(bands, next, first_channel, operands, next_stage);
    }

    const int windows = bands.band(index).rows * bands.pooled_width;
    for (int first = kWindowsAtOnce * warp; first < windows; first += stride) {
      const float* const corners[2] = {
          stage.tile + octets.corner<kChannels>(bands, min(first + t, windows - 1)),
          stage.tile + octets.corner<kChannels>(bands, min(first + t + 4, windows - 1))};
      add_octet<kFloats, kChannels>(corners, bands.pitch, offsets,
                                    OctetGradients<kTiles>(stage, first), sums);
    }
  }

  pass_turn();
  constexpr int kCount = (kFloats + 1) * 8 * kTiles;
  sum_warps<kFloats>(sums, shared, part_of_block(operands.parts, kCount));
}

// Rows 12 banks apart: the elements of a patch and four windows side by side take 11 banks of a
// row, and fragments touch two or three rows at a time.
template <int kTiles, class T>
Bands bands_for(const ConvStageGeometry& geometry) {
  return bands_of_octets(geometry, 2 * device_info().multiprocessors, 12,
                         Stage<kTiles, T>::kWindowBytes, kStageBytes);
}

template <int kTiles, class T>
bool fits(const ConvStageGeometry& geometry) {
  return Stage<kTiles, T>::floats(bands_for<kTiles, T>(geometry)) * 4 <= kStageBytes;
}

/// Where the blocks' sums go: element i of the blocks of channels `chunk`.
template <int kFloats, int kColumns>
struct StoreGradients {
  float *weight, *bias;  // bias may be null
  int outputs;
  __device__ void operator()(int chunk, int64_t i, float sum) const {
    const int element = static_cast<int>(i) / kColumns;
    const int k = chunk * kColumns + static_cast<int>(i) % kColumns;
    if (k >= outputs) return;
    if (element < kFloats)
      weight[k * kFloats + element] = sum;
    else if (bias != nullptr)
      bias[k] = sum;
  }
};

template <int kWindow, int kChannels, int kTiles, class T>
void launch(const ConvStageGeometry& geometry, GradWeightOperands<T> operands, Tensor& grad_weight,
            Tensor& grad_bias) {
  const int most_blocks = 2 * device_info().multiprocessors;
  const Bands bands = bands_for<kTiles, T>(geometry);
  const Octets octets(bands);
  const int blocks = std::min(most_blocks, bands.count);
  const int rows = column_blocks(bands.outputs), sum_floats = octets.warps * 16 * 8 * kTiles;
  const size_t bytes = std::max(2 * Stage<kTiles, T>::floats(bands), sum_floats) * sizeof(float);

  const MemoryScope scope(MemoryUse::workspace);
  constexpr int kFloats = Patch<kWindow, kChannels>::kFloats, kCount = (kFloats + 1) * 8 * kTiles;
  const Shape shape = {rows, blocks, kCount};
  const Tensor parts = Tensor::empty(shape, DType::float32, Device::gpu);
  operands.parts = parts.data<float>();
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(rows));
  launch_in_turn("conv2d_relu_max_pool: weight gradient of few channels, TF32",
                 few_channels_tf32_grad_weight_kernel<kWindow, kChannels, kTiles, T>,
                 {grid, octets.threads(), bytes}, bands, octets, operands);
  const StoreGradients<kFloats, 8 * kTiles> result{
      grad_weight.data<float>(), grad_bias.defined() ? grad_bias.data<float>() : nullptr,
      bands.outputs};
  sum_rows("conv2d_relu_max_pool: weight gradient of few channels",
           MatrixRows{operands.parts, kCount}, result, rows * blocks, kCount, blocks);
}

template <int kWindow, int kChannels, class T>
void launch(const ConvStageGeometry& geometry, const GradWeightOperands<T>& operands,
            Tensor& grad_weight, Tensor& grad_bias) {
  column_tiles(static_cast<int>(geometry.convolution.out_channels)) == 3
      ? launch<kWindow, kChannels, 3>(geometry, operands, grad_weight, grad_bias)
      : launch<kWindow, kChannels, 4>(geometry, operands, grad_weight, grad_bias);
}

template <class T>
bool fits(const ConvStageGeometry& geometry) {
  const auto outputs = static_cast<int>(geometry.convolution.out_channels);
  return outputs % 8 == 0 &&
         (column_tiles(outputs) == 3 ? fits<3, T>(geometry) : fits<4, T>(geometry));
}

template <class T>
void run(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
         const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  GradWeightOperands<T> operands{};
  operands.input = input.data<float>();
  operands.grad_output = grad_output.data<T>();
  operands.winners = winners.data<uint8_t>();
  const bool wide = geometry.convolution.height.window == 5;
  const bool one = geometry.convolution.in_channels == 1;
  if (wide)
    return one ? launch<5, 1>(geometry, operands, grad_weight, grad_bias)
               : launch<5, 3>(geometry, operands, grad_weight, grad_bias);
  one ? launch<3, 1>(geometry, operands, grad_weight, grad_bias)
      : launch<3, 3>(geometry, operands, grad_weight, grad_bias);
}

}  // namespace

bool supports_grad_weight_bfloat16(const ConvStageGeometry& geometry) {
  return fits<BFloat16>(geometry);
}

bool supports_grad_weight_tf32(const ConvStageGeometry& geometry, const Tensor& winners,
                               const Tensor& grad_output) {
  const auto is_aligned = [](const void* address, std::uintptr_t bytes) {
    return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
  };
  return fits<float>(geometry) && is_aligned(grad_output.location().address, 16) &&
         is_aligned(winners.data<uint8_t>(), 8);
}

void grad_weight_tf32(const ConvStageGeometry& geometry, const Tensor& input, const Tensor& winners,
                      const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  (grad_output.dtype() == DType::bfloat16 ? run<BFloat16> : run<float>)(geometry, input, winners,
                                                                        grad_output, grad_weight,
                                                                        grad_bias);
}

}  // namespace strata::cuda::few_channels
