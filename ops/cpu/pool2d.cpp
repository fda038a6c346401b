// The channels of a pixel lie side by side, so a few of them are pooled at once, in registers.
#include "ops/pool2d_kernels.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // input elements that are not worth another thread

using Floats [[gnu::vector_size(16)]] = float;

/// One window of one image: its pixels, and the image's distance from row to row and from column
/// to column.
struct Window {
  WindowRange rows, columns;
  int64_t row_stride, column_stride;

  /// Calls body(offset) for every pixel in row-major order.
  template <class Body>
  void for_each_pixel(Body&& body) const {
    if (rows.size() == 2 && columns.size() == 2) {  // by far the most common: worth no loop
      const int64_t first = rows.begin * row_stride + columns.begin * column_stride;
      body(first);
      body(first + column_stride);
      body(first + row_stride);
      body(first + row_stride + column_stride);
      return;
    }
    for (int64_t h = rows.begin; h < rows.end; ++h)
      for (int64_t w = columns.begin; w < columns.end; ++w)
        body(h * row_stride + w * column_stride);
  }
  float pixels() const { return static_cast<float>(rows.size() * columns.size()); }
};

/// Calls body(window, position of the output pixel) for all windows of output row p of an image.
template <class Body>
void for_each_window(const Pool2dGeometry& geometry, int64_t p, Body&& body) {
  const int64_t channels = geometry.channels;
  for (int64_t q = 0; q < geometry.width.output; ++q) {
    const Window window{inputs_under(geometry.height, p), inputs_under(geometry.width, q),
                        geometry.width.input * channels, channels};
    body(window, (p * geometry.width.output + q) * channels);
  }
}

/// Calls body(c, Lanes()) over the channels: four at a time, then one at a time.
template <class Body>
void for_each_lanes(int64_t channels, Body&& body) {
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4) body(c, Floats());
  for (; c < channels; ++c) body(c, float());
}

template <class Lanes>
Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <class Lanes>
void store(float* to, Lanes lanes) {
  std::memcpy(to, &lanes, sizeof lanes);
}

template <Pooling kPooling, class Lanes>
void pool(const Window& window, const float* x, float* y) {
  constexpr bool kMax = kPooling == Pooling::max;
  Lanes result = Lanes() + (kMax ? -std::numeric_limits<float>::infinity() : 0.0f);
  window.for_each_pixel([&](int64_t pixel) {
    const Lanes value = load<Lanes>(x + pixel);
    result = kMax ? greater_or_nan(result, value) : result + value;
  });
  store(y, kMax ? result : result / window.pixels());
}

template <class Lanes>
void average_backward(const Window& window, const float* g, float* grad_input) {
  const Lanes share = load<Lanes>(g) / window.pixels();
  window.for_each_pixel(
      [&](int64_t pixel) { store(grad_input + pixel, load<Lanes>(grad_input + pixel) + share); });
}

// A gradient goes to the first maximum and is then spent.
template <class Lanes>
void max_backward(const Window& window, const float* x, const float* y, const float* g,
                  float* grad_input) {
  const Lanes maximum = load<Lanes>(y);
  Lanes unspent = load<Lanes>(g);
  window.for_each_pixel([&](int64_t pixel) {
    const auto here = is_maximum(load<Lanes>(x + pixel), maximum);
    store(grad_input + pixel, load<Lanes>(grad_input + pixel) + (here ? unspent : Lanes()));
    unspent = here ? Lanes() : unspent;
  });
}

template <Pooling kPooling>
void pool_rows(const Pool2dGeometry& geometry, const float* input, float* output) {
  const int64_t channels = geometry.channels;
  const int64_t in_image = geometry.height.input * geometry.width.input * channels;
  const int64_t out_row = geometry.width.output * channels;
  const int64_t grain = kGrain / (in_image / geometry.height.output + 1) + 1;
  parallel_for(geometry.batch * geometry.height.output, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t n = row / geometry.height.output, p = row % geometry.height.output;
      const float* x = input + n * in_image;
      float* y = output + n * geometry.height.output * out_row;
      for_each_window(geometry, p, [&](const Window& window, int64_t out) {
        for_each_lanes(channels, [&]<class Lanes>(int64_t c, Lanes) {
          pool<kPooling, Lanes>(window, x + c, y + out + c);
        });
      });
    }
  });
}

}  // namespace

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  if (geometry.pooling == Pooling::max)
    pool_rows<Pooling::max>(geometry, input.data<float>(), output.data<float>());
  else
    pool_rows<Pooling::average>(geometry, input.data<float>(), output.data<float>());
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  const int64_t channels = geometry.channels;
  const int64_t in_image = geometry.height.input * geometry.width.input * channels;
  const int64_t out_image = geometry.height.output * geometry.width.output * channels;
  // Windows may overlap inside an image, so an image is one thread's.
  parallel_for(geometry.batch, kGrain / (in_image + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* x = input.data<float>() + n * in_image;
      const float* y = output.data<float>() + n * out_image;
      const float* g = grad_output.data<float>() + n * out_image;
      float* result = grad_input.data<float>() + n * in_image;
      std::fill_n(result, in_image, 0.0f);
      for (int64_t p = 0; p < geometry.height.output; ++p) {
        for_each_window(geometry, p, [&](const Window& window, int64_t out) {
          for_each_lanes(channels, [&]<class Lanes>(int64_t c, Lanes) {
            const int64_t here = out + c;
            if (geometry.pooling == Pooling::max)
              max_backward<Lanes>(window, x + c, y + here, g + here, result + c);
            else
              average_backward<Lanes>(window, g + here, result + c);
          });
        });
      }
    }
  });
}

}  // namespace strata::cpu
