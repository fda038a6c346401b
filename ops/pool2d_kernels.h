// The geometry of a pooling and the kernels' signatures.
#pragma once

#include <string>

#include "ops/pool2d.h"
#include "tensor/host_device.h"
#include "tensor/tensor.h"

namespace strata {

enum class Pooling { max, average };

struct Pool2dGeometry {
  Pooling pooling = Pooling::max;
  int64_t batch = 0, channels = 0;
  ops::WindowAxis height{}, width{};

  Pool2dGeometry() = default;
  /// Throws as ops::max_pool2d says.
  Pool2dGeometry(Pooling pooling, const Tensor& input, const ops::Pool2dOptions& options);

  Shape input_shape() const { return {batch, height.input, width.input, channels}; }
  Shape output_shape() const { return {batch, height.output, width.output, channels}; }
  /// "256x24x24x24 in windows of 2x2, stride 2x2"
  std::string to_string() const;
};

/// Positions [begin, end) along one axis.
struct WindowRange {
  int64_t begin, end;
  STRATA_HOST_DEVICE int64_t size() const { return end - begin; }
};

/// The inputs under the window of an output, padding left out: never empty.
STRATA_HOST_DEVICE inline WindowRange inputs_under(const ops::WindowAxis& axis, int64_t output) {
  const int64_t begin = output * axis.stride - axis.pad_before;
  const int64_t end = begin + axis.window;
  return {begin < 0 ? 0 : begin, end > axis.input ? axis.input : end};
}

/// The outputs whose windows cover an input: may be empty.
STRATA_HOST_DEVICE inline WindowRange outputs_over(const ops::WindowAxis& axis, int64_t input) {
  const int64_t position = input + axis.pad_before;
  const int64_t begin = position < axis.window ? 0 : (position - axis.window) / axis.stride + 1;
  const int64_t end = position / axis.stride + 1;
  return {begin, end > axis.output ? axis.output : end};
}

// The two comparisons of max pooling, for numbers and for vectors of them.

/// The greater one; NaN where either is, so that a diverged network is seen.
template <class T>
STRATA_HOST_DEVICE T greater_or_nan(T best, T x) {
  return (x > best) | (x != x) ? x : best;
}

/// Whether x is the maximum y of its window. In a window with a NaN every x passes, so that its
/// gradient goes to the first one instead of being lost.
template <class T>
STRATA_HOST_DEVICE auto is_maximum(T x, T y) {
  return (x == y) | (y != y);
}

// Results are written whole. Backward finds a maximum again from input and output instead of
// keeping its index: both are alive anyway. The average reads neither.
#define STRATA_POOL2D_KERNELS                                                                     \
  void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output);               \
  void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output, \
                       const Tensor& grad_output, Tensor& grad_input);
namespace reference {
STRATA_POOL2D_KERNELS
}
namespace cpu {
STRATA_POOL2D_KERNELS
}
namespace cuda {
STRATA_POOL2D_KERNELS
}
namespace cudnn {
STRATA_POOL2D_KERNELS
}
namespace onednn {
STRATA_POOL2D_KERNELS
}
#undef STRATA_POOL2D_KERNELS

namespace cudnn {
/// Whether cuDNN's pooling descriptor can say this: it has one padding per axis for both sides.
bool supports_pool2d(const Pool2dGeometry& geometry);
}  // namespace cudnn

}  // namespace strata
