// The geometry of a pooling and the kernels' signatures.
#pragma once

#include "ops/pool2d.h"
#include "tensor/tensor.h"

namespace strata {

enum class Pooling { max, average };

struct Pool2dGeometry {
  Pooling pooling;
  int64_t batch, channels;
  ops::WindowAxis height, width;

  /// Throws as ops::max_pool2d says.
  Pool2dGeometry(Pooling pooling, const Tensor& input, const ops::Pool2dOptions& options);

  Shape output_shape() const { return {batch, height.output, width.output, channels}; }
};

// Results are written whole. Backward finds a maximum again from input and output instead of
// keeping its index: both are alive anyway.
#define STRATA_POOL2D_KERNELS                                                             \
  void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output);       \
  void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input,               \
                       const Tensor& output, const Tensor& grad_output, Tensor& grad_input);
namespace reference { STRATA_POOL2D_KERNELS }
namespace cpu { STRATA_POOL2D_KERNELS }
namespace cuda { STRATA_POOL2D_KERNELS }
namespace cudnn { STRATA_POOL2D_KERNELS }
#undef STRATA_POOL2D_KERNELS

namespace cudnn {
/// Whether cuDNN's pooling descriptor can say this: it has one padding per axis for both sides.
bool supports_pool2d(const Pool2dGeometry& geometry);
}  // namespace cudnn

}  // namespace strata
