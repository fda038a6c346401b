// A thread takes one output, or one input in the general backward pass, for kLanes channels at
// once. Nothing is added atomically: overlapping windows are gathered by the input they cover.
#include "ops/pool2d_kernels.h"

#include <cmath>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

template <int kLanes>
struct alignas(kLanes * sizeof(float)) Lanes {
  float lane[kLanes];
};

template <int kLanes>
__device__ Lanes<kLanes> load(const float* from) {
  return *reinterpret_cast<const Lanes<kLanes>*>(from);
}

template <int kLanes>
__device__ void store(float* to, const Lanes<kLanes>& lanes) {
  *reinterpret_cast<Lanes<kLanes>*>(to) = lanes;
}

/// A pixel of a batch of images and the first of the channels a thread works on.
struct Place {
  int64_t image, row, column, channel;

  template <int kLanes, class Index>
  __device__ static Place of(Index thread, const Pool2dGeometry& g, int64_t height, int64_t width) {
    const auto groups = static_cast<Index>(g.channels / kLanes);
    const auto rows = static_cast<Index>(height), columns = static_cast<Index>(width);
    const Index pixel = thread / groups, row = pixel / columns;
    Place place;
    place.image = row / rows;
    place.row = row % rows;
    place.column = pixel % columns;
    place.channel = thread % groups * kLanes;
    return place;
  }
};

__device__ int64_t input_offset(const Pool2dGeometry& g, int64_t image, int64_t row, int64_t column,
                                int64_t channel) {
  return ((image * g.height.input + row) * g.width.input + column) * g.channels + channel;
}

__device__ int64_t output_offset(const Pool2dGeometry& g, int64_t image, int64_t row,
                                 int64_t column, int64_t channel) {
  return ((image * g.height.output + row) * g.width.output + column) * g.channels + channel;
}

template <Pooling kPooling, int kLanes, class Index>
__global__ void pool2d_kernel(Pool2dGeometry g, int64_t count, const float* input, float* output) {
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (thread >= count) return;
  const auto [n, p, q, c] =
      Place::of<kLanes>(static_cast<Index>(thread), g, g.height.output, g.width.output);
  const WindowRange rows = inputs_under(g.height, p), columns = inputs_under(g.width, q);
  Lanes<kLanes> result;
  for (float& lane : result.lane) lane = kPooling == Pooling::max ? -INFINITY : 0.0f;
  for (int64_t h = rows.begin; h < rows.end; ++h) {
    for (int64_t w = columns.begin; w < columns.end; ++w) {
      const auto x = load<kLanes>(input + input_offset(g, n, h, w, c));
      for (int i = 0; i < kLanes; ++i)
        result.lane[i] = kPooling == Pooling::max ? greater_or_nan(result.lane[i], x.lane[i])
                                                  : result.lane[i] + x.lane[i];
    }
  }
  if (kPooling == Pooling::average)
    for (float& lane : result.lane) lane /= static_cast<float>(rows.size() * columns.size());
  store(output + thread * kLanes, result);
}

/// One thread writes all inputs of one window: for windows that do not overlap.
template <Pooling kPooling, int kLanes, class Index>
__global__ void pool2d_scatter_kernel(Pool2dGeometry g, int64_t count, const float* input,
                                      const float* output, const float* grad_output,
                                      float* grad_input) {
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (thread >= count) return;
  const auto [n, p, q, c] =
      Place::of<kLanes>(static_cast<Index>(thread), g, g.height.output, g.width.output);
  const WindowRange rows = inputs_under(g.height, p), columns = inputs_under(g.width, q);
  auto unspent = load<kLanes>(grad_output + thread * kLanes);
  Lanes<kLanes> y;
  if (kPooling == Pooling::max)
    y = load<kLanes>(output + thread * kLanes);
  else
    for (float& lane : unspent.lane) lane /= static_cast<float>(rows.size() * columns.size());
  for (int64_t h = rows.begin; h < rows.end; ++h) {
    for (int64_t w = columns.begin; w < columns.end; ++w) {
      const int64_t there = input_offset(g, n, h, w, c);
      Lanes<kLanes> result = unspent;
      if (kPooling == Pooling::max) {
        const auto x = load<kLanes>(input + there);
        for (int i = 0; i < kLanes; ++i) {
          const bool here = is_maximum(x.lane[i], y.lane[i]);
          result.lane[i] = here ? unspent.lane[i] : 0.0f;
          unspent.lane[i] = here ? 0.0f : unspent.lane[i];
        }
      }
      store(grad_input + there, result);
    }
  }
}

/// Whether no earlier pixel of the window, in row-major order, equals its maximum y too.
__device__ bool is_first_maximum(const Pool2dGeometry& g, const float* input, const Place& place,
                                 const WindowRange& rows, const WindowRange& columns, float y) {
  for (int64_t h = rows.begin; h <= place.row; ++h) {
    const int64_t end = h == place.row ? place.column : columns.end;
    for (int64_t w = columns.begin; w < end; ++w)
      if (is_maximum(input[input_offset(g, place.image, h, w, place.channel)], y)) return false;
  }
  return true;
}

/// One thread adds up what one input receives from the windows that cover it.
template <Pooling kPooling, class Index>
__global__ void pool2d_gather_kernel(Pool2dGeometry g, int64_t count, const float* input,
                                     const float* output, const float* grad_output,
                                     float* grad_input) {
  const int64_t thread = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (thread >= count) return;
  const Place place = Place::of<1>(static_cast<Index>(thread), g, g.height.input, g.width.input);
  const WindowRange over_row = outputs_over(g.height, place.row);
  const WindowRange over_column = outputs_over(g.width, place.column);
  float sum = 0;
  for (int64_t p = over_row.begin; p < over_row.end; ++p) {
    for (int64_t q = over_column.begin; q < over_column.end; ++q) {
      const WindowRange rows = inputs_under(g.height, p), columns = inputs_under(g.width, q);
      const int64_t there = output_offset(g, place.image, p, q, place.channel);
      if (kPooling == Pooling::average)
        sum += grad_output[there] / static_cast<float>(rows.size() * columns.size());
      else if (is_maximum(input[thread], output[there]) &&
               is_first_maximum(g, input, place, rows, columns, output[there]))
        sum += grad_output[there];
    }
  }
  grad_input[thread] = sum;
}

/// Calls launch(index, blocks) with the narrowest unsigned type that counts all elements: 64-bit
/// division costs several times as much as 32-bit.
template <class Launch>
void with_index(int64_t elements, int64_t threads, Launch&& launch) {
  const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  elements < (int64_t{1} << 32) ? launch(uint32_t{}, blocks) : launch(uint64_t{}, blocks);
}

bool is_aligned(const Tensor& tensor) {
  return reinterpret_cast<uintptr_t>(tensor.data<float>()) % sizeof(Lanes<4>) == 0;
}

template <Pooling kPooling, int kLanes>
void launch_forward(const Pool2dGeometry& g, const Tensor& input, Tensor& output) {
  const int64_t threads = output.size() / kLanes;
  with_index(output.size(), threads, [&]<class Index>(Index, unsigned blocks) {
    pool2d_kernel<kPooling, kLanes, Index>
        <<<blocks, kThreads, 0, stream()>>>(g, threads, input.data<float>(), output.data<float>());
  });
  check_launch("pool2d");
}

template <Pooling kPooling, int kLanes>
void launch_scatter(const Pool2dGeometry& g, const Tensor& input, const Tensor& output,
                    const Tensor& grad_output, Tensor& grad_input) {
  const int64_t threads = output.size() / kLanes;
  with_index(output.size(), threads, [&]<class Index>(Index, unsigned blocks) {
    pool2d_scatter_kernel<kPooling, kLanes, Index>
        <<<blocks, kThreads, 0, stream()>>>(g, threads, input.data<float>(), output.data<float>(),
                                            grad_output.data<float>(), grad_input.data<float>());
  });
  check_launch("pool2d_scatter");
}

template <Pooling kPooling>
void launch_gather(const Pool2dGeometry& g, const Tensor& input, const Tensor& output,
                   const Tensor& grad_output, Tensor& grad_input) {
  const int64_t threads = grad_input.size();
  with_index(threads, threads, [&]<class Index>(Index, unsigned blocks) {
    pool2d_gather_kernel<kPooling, Index>
        <<<blocks, kThreads, 0, stream()>>>(g, threads, input.data<float>(), output.data<float>(),
                                            grad_output.data<float>(), grad_input.data<float>());
  });
  check_launch("pool2d_gather");
}

/// Whether every input lies under exactly one window, so that scattering writes all of them.
bool tiles(const ops::WindowAxis& axis) {
  return axis.stride == axis.window && axis.output * axis.stride - axis.pad_before >= axis.input;
}

template <Pooling kPooling>
void backward(const Pool2dGeometry& g, const Tensor& input, const Tensor& output,
              const Tensor& grad_output, Tensor& grad_input) {
  if (g.height.stride < g.height.window || g.width.stride < g.width.window)
    return launch_gather<kPooling>(g, input, output, grad_output, grad_input);
  if (!tiles(g.height) || !tiles(g.width)) grad_input.fill_zero();
  const bool wide = g.channels % 4 == 0 && is_aligned(input) && is_aligned(output) &&
                    is_aligned(grad_output) && is_aligned(grad_input);
  if (wide)
    launch_scatter<kPooling, 4>(g, input, output, grad_output, grad_input);
  else
    launch_scatter<kPooling, 1>(g, input, output, grad_output, grad_input);
}

template <Pooling kPooling>
void forward(const Pool2dGeometry& g, const Tensor& input, Tensor& output) {
  if (g.channels % 4 == 0 && is_aligned(input) && is_aligned(output))
    launch_forward<kPooling, 4>(g, input, output);
  else
    launch_forward<kPooling, 1>(g, input, output);
}

}  // namespace

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  if (output.size() == 0) return;
  if (geometry.pooling == Pooling::max)
    forward<Pooling::max>(geometry, input, output);
  else
    forward<Pooling::average>(geometry, input, output);
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  if (grad_input.size() == 0) return;
  if (geometry.pooling == Pooling::max)
    backward<Pooling::max>(geometry, input, output, grad_output, grad_input);
  else
    backward<Pooling::average>(geometry, input, output, grad_output, grad_input);
}

}  // namespace strata::cuda
