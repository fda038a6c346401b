// A block takes a tile: up to 32 channels of a chunk of rows, with neighbouring threads on
// neighbouring channels. Sums over rows go thread -> block -> chunks, each in a fixed order: in
// float inside a block, where a thread adds few values, and in double across the chunks.
#include <algorithm>
#include <cub/block/block_reduce.cuh>

#include "ops/batch_norm_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxLanes = 32;
constexpr int64_t kRowsPerThread = 16;   // at least, so that a block has some work
constexpr int64_t kTargetBlocks = 1024;  // enough to fill any GPU

struct Tiling {
  int64_t rows, channels, chunk_rows, chunks;
  int lanes;  // channels of a tile, a power of two

  explicit Tiling(const BatchNormGeometry& geometry)
      : rows(geometry.rows), channels(geometry.channels), lanes(1) {
    while (lanes < kMaxLanes && lanes < channels) lanes *= 2;
    const int64_t most_chunks = std::max<int64_t>(1, kTargetBlocks / std::max(1u, groups()));
    chunk_rows =
        std::max(kThreads / lanes * kRowsPerThread, (rows + most_chunks - 1) / most_chunks);
    chunks = (rows + chunk_rows - 1) / chunk_rows;
  }

  unsigned groups() const { return static_cast<unsigned>((channels + lanes - 1) / lanes); }
  dim3 grid() const { return {groups(), static_cast<unsigned>(chunks)}; }
  bool empty() const { return rows == 0 || channels == 0; }
};

/// A thread's channel and its rows of the block's tile: [begin, end) in steps of `step`.
struct Place {
  int64_t channel, begin, end, step;

  // A thread beyond the last channel gets no rows, but joins the sums of the block.
  __device__ explicit Place(const Tiling& tiling)
      : channel(int64_t{blockIdx.x} * tiling.lanes + threadIdx.x % tiling.lanes),
        begin(blockIdx.y * tiling.chunk_rows + threadIdx.x / tiling.lanes),
        end(min(tiling.rows, (blockIdx.y + 1) * tiling.chunk_rows)),
        step(kThreads / tiling.lanes) {
    if (channel >= tiling.channels) end = begin;
  }
};

/// The sums of the values of all threads of the block that have the caller's channel.
__device__ float2 sum_over_block(float2 value, int lanes) {
  __shared__ float2 sums[kThreads];
  __syncthreads();  // the previous call's result has been read
  sums[threadIdx.x] = value;
  for (int distance = kThreads / 2; distance >= lanes; distance /= 2) {
    __syncthreads();
    if (threadIdx.x < distance) {
      sums[threadIdx.x].x += sums[threadIdx.x + distance].x;
      sums[threadIdx.x].y += sums[threadIdx.x + distance].y;
    }
  }
  __syncthreads();
  return sums[threadIdx.x % lanes];
}

/// Whether this thread writes the block's sums of its channel.
__device__ bool writes_sums(const Tiling& tiling, const Place& place) {
  return threadIdx.x < tiling.lanes && place.channel < tiling.channels;
}

// partial[chunk, channel] = (mean, sum of squared deviations from it) of one chunk, by the
// corrected two-pass algorithm of Chan, Golub and LeVeque, "Algorithms for Computing the Sample
// Variance", The American Statistician 37, 1983. The second pass finds the tile in the cache.
__global__ void partial_moments_kernel(Tiling tiling, const float* input, float2* partial) {
  const Place place(tiling);
  const int64_t first_row = blockIdx.y * tiling.chunk_rows;
  const auto count = static_cast<float>(min(tiling.chunk_rows, tiling.rows - first_row));
  float2 sums = {0, 0};
  for (int64_t row = place.begin; row < place.end; row += place.step)
    sums.x += input[row * tiling.channels + place.channel];
  const float mean = sum_over_block(sums, tiling.lanes).x / count;
  sums = {0, 0};
  for (int64_t row = place.begin; row < place.end; row += place.step) {
    const float deviation = input[row * tiling.channels + place.channel] - mean;
    sums.x += deviation;
    sums.y += deviation * deviation;
  }
  sums = sum_over_block(sums, tiling.lanes);
  if (writes_sums(tiling, place)) {
    partial[blockIdx.y * tiling.channels + place.channel] = {mean + sums.x / count,
                                                             sums.y - sums.x * sums.x / count};
  }
}

using BlockSum = cub::BlockReduce<double, kThreads>;

/// The sum over all threads of the block, for every one of them.
__device__ double sum_for_all(double value) {
  __shared__ BlockSum::TempStorage shared;
  __shared__ double sum;
  __syncthreads();  // the previous call's result has been read
  value = BlockSum(shared).Sum(value);
  if (threadIdx.x == 0) sum = value;
  __syncthreads();
  return sum;
}

__device__ float blend(float running, double value, double momentum) {
  return static_cast<float>((1 - momentum) * running + momentum * value);
}

// A block a channel: the chunks' squared deviations, moved from their means to the batch's.
__global__ void join_moments_kernel(Tiling tiling, ops::BatchNormOptions options,
                                    const float2* partial, float* running_mean,
                                    float* running_variance, float* mean,
                                    float* inverse_deviation) {
  const int64_t channel = blockIdx.x;
  const auto rows = static_cast<double>(tiling.rows);
  const auto rows_of = [&](int64_t chunk) {
    return static_cast<double>(min(tiling.chunk_rows, tiling.rows - chunk * tiling.chunk_rows));
  };
  double sum = 0;
  for (int64_t chunk = threadIdx.x; chunk < tiling.chunks; chunk += kThreads)
    sum += rows_of(chunk) * partial[chunk * tiling.channels + channel].x;
  const double batch_mean = sum_for_all(sum) / rows;
  double squares = 0;
  for (int64_t chunk = threadIdx.x; chunk < tiling.chunks; chunk += kThreads) {
    const float2 moments = partial[chunk * tiling.channels + channel];
    const double deviation = moments.x - batch_mean;
    squares += moments.y + rows_of(chunk) * deviation * deviation;
  }
  squares = sum_for_all(squares);
  if (threadIdx.x != 0) return;
  mean[channel] = static_cast<float>(batch_mean);
  inverse_deviation[channel] = static_cast<float>(1 / sqrt(squares / rows + options.epsilon));
  running_mean[channel] = blend(running_mean[channel], batch_mean, options.momentum);
  running_variance[channel] =
      blend(running_variance[channel], squares / (rows - 1), options.momentum);
}

__global__ void copy_running_kernel(int64_t channels, double epsilon, const float* running_mean,
                                    const float* running_variance, float* mean,
                                    float* inverse_deviation) {
  const int64_t channel = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (channel >= channels) return;
  mean[channel] = running_mean[channel];
  inverse_deviation[channel] = static_cast<float>(1 / sqrt(running_variance[channel] + epsilon));
}

__global__ void normalise_kernel(Tiling tiling, const float* input, const float* mean,
                                 const float* inverse_deviation, const float* scale,
                                 const float* shift, float* output) {
  const Place place(tiling);
  if (place.begin >= place.end) return;
  const float channel_mean = mean[place.channel], inverse = inverse_deviation[place.channel];
  const float channel_scale = scale[place.channel], channel_shift = shift[place.channel];
  for (int64_t row = place.begin; row < place.end; row += place.step) {
    const int64_t i = row * tiling.channels + place.channel;
    output[i] = channel_scale * ((input[i] - channel_mean) * inverse) + channel_shift;
  }
}

// partial[chunk, channel] = (sum g, sum g n) of one chunk
__global__ void partial_gradients_kernel(Tiling tiling, const float* input, const float* mean,
                                         const float* inverse_deviation, const float* grad_output,
                                         float2* partial) {
  const Place place(tiling);
  float2 sums = {0, 0};
  if (place.begin < place.end) {
    const float channel_mean = mean[place.channel], inverse = inverse_deviation[place.channel];
    for (int64_t row = place.begin; row < place.end; row += place.step) {
      const int64_t i = row * tiling.channels + place.channel;
      sums.x += grad_output[i];
      sums.y += grad_output[i] * ((input[i] - channel_mean) * inverse);
    }
  }
  sums = sum_over_block(sums, tiling.lanes);
  if (writes_sums(tiling, place)) partial[blockIdx.y * tiling.channels + place.channel] = sums;
}

// A block a channel. share = 1/m in training mode, 0 in evaluation; `means` gets the two sums times
// it; grad_scale and grad_shift may be null.
__global__ void join_gradients_kernel(Tiling tiling, const float2* partial, double share,
                                      float2* means, float* grad_scale, float* grad_shift) {
  const int64_t channel = blockIdx.x;
  double sum = 0, product = 0;
  for (int64_t chunk = threadIdx.x; chunk < tiling.chunks; chunk += kThreads) {
    const float2 sums = partial[chunk * tiling.channels + channel];
    sum += sums.x;
    product += sums.y;
  }
  sum = sum_for_all(sum);
  product = sum_for_all(product);
  if (threadIdx.x != 0) return;
  means[channel] = {static_cast<float>(sum * share), static_cast<float>(product * share)};
  if (grad_scale != nullptr) grad_scale[channel] = static_cast<float>(product);
  if (grad_shift != nullptr) grad_shift[channel] = static_cast<float>(sum);
}

__global__ void grad_input_kernel(Tiling tiling, const float* input, const float* mean,
                                  const float* inverse_deviation, const float* scale,
                                  const float2* means, const float* grad_output,
                                  float* grad_input) {
  const Place place(tiling);
  if (place.begin >= place.end) return;
  const float channel_mean = mean[place.channel], inverse = inverse_deviation[place.channel];
  const float factor = scale[place.channel] * inverse;
  const float2 mean_grads = means[place.channel];
  for (int64_t row = place.begin; row < place.end; row += place.step) {
    const int64_t i = row * tiling.channels + place.channel;
    const float normalised = (input[i] - channel_mean) * inverse;
    grad_input[i] = factor * (grad_output[i] - mean_grads.x - normalised * mean_grads.y);
  }
}

/// Workspace for pairs: (rows, channels) of float2. Pool blocks are aligned to 256 bytes.
Tensor empty_pairs(int64_t rows, int64_t channels) {
  const MemoryScope scope(MemoryUse::workspace);
  return Tensor::empty({rows, channels, 2}, DType::float32, Device::gpu);
}

float2* pairs_of(const Tensor& tensor) {
  return reinterpret_cast<float2*>(tensor.data<float>());
}
float* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

}  // namespace

void batch_norm(const BatchNormGeometry& geometry, const Tensor& input, const Tensor& scale,
                const Tensor& shift, Tensor& running_mean, Tensor& running_variance,
                BatchNormStatistics& statistics, Tensor& output) {
  const Tiling tiling(geometry);
  if (tiling.channels == 0) return;
  const float* x = input.data<float>();
  float* mean = statistics.mean.data<float>();
  float* inverse = statistics.inverse_deviation.data<float>();
  const auto channels = static_cast<unsigned>(tiling.channels);
  if (geometry.options.training) {
    const Tensor partial = empty_pairs(tiling.chunks, tiling.channels);
    partial_moments_kernel<<<tiling.grid(), kThreads, 0, stream()>>>(tiling, x, pairs_of(partial));
    check_launch("batch_norm partial moments");
    join_moments_kernel<<<channels, kThreads, 0, stream()>>>(
        tiling, geometry.options, pairs_of(partial), running_mean.data<float>(),
        running_variance.data<float>(), mean, inverse);
    check_launch("batch_norm join moments");
  } else {
    copy_running_kernel<<<(channels + kThreads - 1) / kThreads, kThreads, 0, stream()>>>(
        tiling.channels, geometry.options.epsilon, running_mean.data<float>(),
        running_variance.data<float>(), mean, inverse);
    check_launch("batch_norm copy running statistics");
  }
  if (tiling.empty()) return;
  normalise_kernel<<<tiling.grid(), kThreads, 0, stream()>>>(
      tiling, x, mean, inverse, scale.data<float>(), shift.data<float>(), output.data<float>());
  check_launch("batch_norm normalise");
}

void batch_norm_backward(const BatchNormGeometry& geometry, const Tensor& input,
                         const Tensor& scale, const BatchNormStatistics& statistics,
                         const Tensor& grad_output, BatchNormGradients& gradients) {
  const Tiling tiling(geometry);
  if (tiling.channels == 0) return;
  const float* x = input.data<float>();
  const float* g = grad_output.data<float>();
  const float* mean = statistics.mean.data<float>();
  const float* inverse = statistics.inverse_deviation.data<float>();
  const Tensor partial = empty_pairs(tiling.chunks, tiling.channels);
  const Tensor means = empty_pairs(1, tiling.channels);
  if (!tiling.empty()) {
    partial_gradients_kernel<<<tiling.grid(), kThreads, 0, stream()>>>(tiling, x, mean, inverse, g,
                                                                       pairs_of(partial));
    check_launch("batch_norm partial gradients");
  }
  const double share = geometry.options.training ? 1 / static_cast<double>(tiling.rows) : 0;
  join_gradients_kernel<<<static_cast<unsigned>(tiling.channels), kThreads, 0, stream()>>>(
      tiling, pairs_of(partial), share, pairs_of(means), data_or_null(gradients.scale),
      data_or_null(gradients.shift));
  check_launch("batch_norm join gradients");
  if (tiling.empty() || !gradients.input.defined()) return;
  grad_input_kernel<<<tiling.grid(), kThreads, 0, stream()>>>(tiling, x, mean, inverse,
                                                              scale.data<float>(), pairs_of(means),
                                                              g, gradients.input.data<float>());
  check_launch("batch_norm grad_input");
}

}  // namespace strata::cuda
