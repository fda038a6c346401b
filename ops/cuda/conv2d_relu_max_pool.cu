// Chooses the kernels of a convolutional stage, and holds those that serve any shape: a pass that
// adds the bias, pools and clips the written output of a convolution, and its inverse.
#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cuda/conv_stage.h"
#include "ops/cuda/sum_rows.cuh"
#include "tensor/branch.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_for(int64_t count) {
  return static_cast<unsigned>((count + kThreads - 1) / kThreads);
}

/// The extents that both passes run over.
struct Windows {
  int64_t height, width;                // of the convolution's output
  int64_t pooled_height, pooled_width;  // of the stage's output
  int64_t channels, count;              // of outputs of the stage

  explicit Windows(const ConvStageGeometry& g)
      : height(g.convolution.height.output),
        width(g.convolution.width.output),
        pooled_height(g.pooled_height),
        pooled_width(g.pooled_width),
        channels(g.convolution.out_channels),
        count(g.output_shape().size()) {}

  /// The offset of the first pixel of a window in the convolution's output.
  __device__ int64_t first_pixel(int64_t output) const {
    const int64_t channel = output % channels, window = output / channels;
    const int64_t column = window % pooled_width, row = window / pooled_width;
    const int64_t image = row / pooled_height;
    const int64_t line = image * height + row % pooled_height * 2;
    return (line * width + column * 2) * channels + channel;
  }
};

// A thread takes one output.
__global__ void pool_stage_kernel(Windows windows, const float* convolved, const float* bias,
                                  float* output, uint8_t* winners) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= windows.count) return;
  const float* pixel = convolved + windows.first_pixel(i);
  const int64_t right = windows.channels, below = windows.width * windows.channels;
  const float values[4] = {pixel[0], pixel[right], pixel[below], pixel[below + right]};
  const float shift = bias != nullptr ? bias[i % windows.channels] : 0.0f;
  float best = values[0] + shift;
  int winner = 0;
  for (int position = 1; position < 4; ++position) {
    const float value = values[position] + shift;
    // A NaN wins and stays, so that a diverged network is seen.
    if (!(value > best) && value == value) continue;
    best = value;
    winner = position;
  }
  output[i] = best < 0 ? 0 : best;
  if (winners != nullptr) winners[i] = best > 0 ? static_cast<uint8_t>(winner) : kNoWinner;
}

// A thread takes one window and one channel. Pixels outside all windows are not written.
__global__ void unpool_stage_kernel(Windows windows, const float* grad_output,
                                    const uint8_t* winners, float* grad_convolved) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= windows.count) return;
  float* pixel = grad_convolved + windows.first_pixel(i);
  const int64_t right = windows.channels, below = windows.width * windows.channels;
  const float gradient = grad_output[i];
  const int winner = winners[i];
  pixel[0] = winner == 0 ? gradient : 0.0f;
  pixel[right] = winner == 1 ? gradient : 0.0f;
  pixel[below] = winner == 2 ? gradient : 0.0f;
  pixel[below + right] = winner == 3 ? gradient : 0.0f;
}

/// grad_output where ReLU is open, as the matrix (N P Q, K).
template <class T>
struct OpenGradients {
  const T* grad_output;
  const uint8_t* winners;
  int64_t channels;
  __device__ float operator()(int64_t row, int64_t column) const {
    const int64_t i = row * channels + column;
    return winners[i] == kNoWinner ? 0.0f : static_cast<float>(grad_output[i]);
  }
};

struct StoreColumn {
  float* data;
  int64_t columns;
  __device__ void operator()(int chunk, int64_t column, float sum) const {
    data[chunk * columns + column] = sum;
  }
};

template <class T>
void sum_grad_bias(const ConvStageGeometry& geometry, const Tensor& winners,
                   const Tensor& grad_output, Tensor& grad_bias) {
  constexpr int64_t kRowsPerChunk = 512;
  const int64_t channels = geometry.convolution.out_channels;
  const int64_t rows = grad_output.size() / channels;
  const int64_t per_chunk = std::max(kRowsPerChunk, (rows + 255) / 256);
  const int64_t chunks = std::max<int64_t>(1, (rows + per_chunk - 1) / per_chunk);
  const OpenGradients<T> source{grad_output.data<T>(), winners.data<uint8_t>(), channels};
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor partial = Tensor::empty({chunks, channels}, DType::float32, Device::gpu);
  sum_rows("conv2d_relu_max_pool: bias gradient", source,
           StoreColumn{partial.data<float>(), channels}, rows, channels, per_chunk);
  sum_rows("conv2d_relu_max_pool: bias gradient", MatrixRows{partial.data<float>(), channels},
           StoreColumn{grad_bias.data<float>(), channels}, chunks, channels, chunks);
}

void convolve(const ConvStageGeometry& geometry, Rung rung, const Tensor& input,
              const Tensor& weight, Tensor& output) {
  if (rung == Rung::cudnn) return cudnn::conv2d(geometry.convolution, input, weight, output);
  conv2d(geometry.convolution, input, weight, output);
}

/// grad_output put at the pixels it belongs to: the gradient of the convolution's output.
Tensor unpooled(const ConvStageGeometry& geometry, const Tensor& winners,
                const Tensor& grad_output) {
  Tensor result = Tensor::empty(geometry.convolution.output_shape(), DType::float32, Device::gpu);
  const ops::WindowAxis &h = geometry.convolution.height, &w = geometry.convolution.width;
  if (h.output % 2 != 0 || w.output % 2 != 0) result.fill_zero();  // pixels outside all windows
  const Windows windows(geometry);
  if (windows.count == 0) return result;
  unpool_stage_kernel<<<blocks_for(windows.count), kThreads, 0, stream()>>>(
      windows, grad_output.data<float>(), winners.data<uint8_t>(), result.data<float>());
  check_launch("conv2d_relu_max_pool: unpooling");
  return result;
}

/// The kernels that supports_bfloat16() promises.
void backward_in_bfloat16(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                          const Tensor& grad_output, ConvStageGradients& gradients) {
  auto& [grad_input, grad_weight, grad_bias, branch] = gradients;
  if (grad_weight.defined() || grad_bias.defined()) {
    const Branch beside_grad_input(branch);
    const bool few = few_channels::supports(geometry);
    if (grad_weight.defined())
      (few ? few_channels::grad_weight : many_channels::grad_weight)(
          geometry, saved.input, saved.winners, grad_output, grad_weight, grad_bias);
    else
      sum_grad_bias<BFloat16>(geometry, saved.winners, grad_output, grad_bias);
  }
  if (grad_input.defined())
    many_channels::grad_input(geometry, saved.weight, saved.winners, grad_output, grad_input);
}

}  // namespace

bool supports_bfloat16(const ConvStageGeometry& geometry, const Tensor& input) {
  if (input.dtype() == DType::bfloat16) return many_channels::supports(geometry);
  return few_channels::supports_bfloat16(geometry) && !input.requires_grad();
}

void conv2d_relu_max_pool(const ConvStageGeometry& geometry, Rung convolution, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners) {
  if (convolution == Rung::cuda && few_channels::supports(geometry))
    return few_channels::forward(geometry, input, weight, bias, output, winners);
  if (convolution == Rung::cuda && many_channels::supports(geometry))
    return many_channels::forward(geometry, input, weight, bias, output, winners);
  Tensor convolved =
      Tensor::empty(geometry.convolution.output_shape(), DType::float32, Device::gpu);
  convolve(geometry, convolution, input, weight, convolved);
  const Windows windows(geometry);
  if (windows.count == 0) return;
  pool_stage_kernel<<<blocks_for(windows.count), kThreads, 0, stream()>>>(
      windows, convolved.data<float>(), bias.defined() ? bias.data<float>() : nullptr,
      output.data<float>(), winners.defined() ? winners.data<uint8_t>() : nullptr);
  check_launch("conv2d_relu_max_pool: pooling");
}

void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, Rung convolution,
                                   const ConvStageSaved& saved, const Tensor& grad_output,
                                   ConvStageGradients& gradients) {
  if (grad_output.dtype() == DType::bfloat16)
    return backward_in_bfloat16(geometry, saved, grad_output, gradients);
  auto& [grad_input, grad_weight, grad_bias, branch] = gradients;
  const bool few = few_channels::supports(geometry) && !grad_input.defined();
  if (convolution == Rung::cuda && grad_weight.defined() &&
      (few || many_channels::supports(geometry))) {
    {
      const Branch beside_grad_input(branch);
      (few ? few_channels::grad_weight : many_channels::grad_weight)(
          geometry, saved.input, saved.winners, grad_output, grad_weight, grad_bias);
    }
    if (grad_input.defined())
      many_channels::grad_input(geometry, saved.weight, saved.winners, grad_output, grad_input);
    return;
  }
  if (grad_bias.defined()) {
    const Branch beside_the_rest(branch);
    sum_grad_bias<float>(geometry, saved.winners, grad_output, grad_bias);
  }
  if (!grad_input.defined() && !grad_weight.defined()) return;
  const Tensor grad_convolved = unpooled(geometry, saved.winners, grad_output);
  const Conv2dGeometry& g = geometry.convolution;
  const bool library = convolution == Rung::cudnn;
  if (grad_weight.defined()) {
    const Branch beside_grad_input(branch);
    const bool exact = library && cudnn::supports_conv2d_grad_weight(g);
    (exact ? cudnn::conv2d_grad_weight : conv2d_grad_weight)(g, saved.input, grad_convolved,
                                                             grad_weight);
  }
  if (grad_input.defined())
    (library ? cudnn::conv2d_grad_input : conv2d_grad_input)(g, grad_convolved, saved.weight,
                                                             grad_input);
}

}  // namespace strata::cuda
