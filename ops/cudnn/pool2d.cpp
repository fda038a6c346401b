// cudnnPoolingForward and cudnnPoolingBackward.
//
// cuDNN documents that CUDNN_POOLING_MAX_DETERMINISTIC repeats its result, but not which of several
// equal maxima receives the gradient; this file adds nothing to make it the first. The sum of the
// gradient over a window does not depend on the choice.
#include "ops/pool2d_kernels.h"

#include <algorithm>

#include "ops/cudnn/legacy.h"
#include "tensor/trace.h"

namespace strata::cudnn {
namespace {

using cuda::cudnn_handle;
using cuda::cudnn_library;
using PoolingDescriptor = Owned<cudnnPoolingDescriptor_t>;

PoolingDescriptor describe_pooling(const Pool2dGeometry& geometry) {
  const auto mode = geometry.pooling == Pooling::max ? CUDNN_POOLING_MAX_DETERMINISTIC
                                                     : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
  const ops::WindowAxis &h = geometry.height, &w = geometry.width;
  cudnnPoolingDescriptor_t created = nullptr;
  STRATA_CUDNN(cudnn_library().cudnnCreatePoolingDescriptor(&created));
  PoolingDescriptor descriptor(created, [](cudnnPoolingDescriptor_t handle) noexcept {
    cudnn_library().cudnnDestroyPoolingDescriptor(handle);
  });
  STRATA_CUDNN(cudnn_library().cudnnSetPooling2dDescriptor(
      created, mode, CUDNN_PROPAGATE_NAN, extent(h.window), extent(w.window), extent(h.pad_before),
      extent(w.pad_before), extent(h.stride), extent(w.stride)));
  return descriptor;
}

TensorDescriptor describe_input(const Pool2dGeometry& g) {
  return describe(g.batch, g.height.input, g.width.input, g.channels);
}

TensorDescriptor describe_output(const Pool2dGeometry& g) {
  return describe(g.batch, g.height.output, g.width.output, g.channels);
}

}  // namespace

bool supports_pool2d(const Pool2dGeometry& geometry) {
  const ops::WindowAxis &h = geometry.height, &w = geometry.width;
  const int64_t largest =
      geometry.batch * geometry.channels * std::max(h.input * w.input, h.output * w.output);
  return h.pad_before == h.pad_after && w.pad_before == w.pad_after && largest > 0 &&
         largest < (int64_t{1} << 31);
}

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  const TraceScope trace(TraceLayer::library, "cudnnPoolingForward");
  const auto pooling = describe_pooling(geometry);
  const auto input_descriptor = describe_input(geometry);
  const auto output_descriptor = describe_output(geometry);
  STRATA_CUDNN(cudnn_library().cudnnPoolingForward(
      cudnn_handle(), pooling.get(), &kOne, input_descriptor.get(), input.data<float>(), &kZero,
      output_descriptor.get(), output.data<float>()));
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  const TraceScope trace(TraceLayer::library, "cudnnPoolingBackward");
  const auto pooling = describe_pooling(geometry);
  const auto input_descriptor = describe_input(geometry);
  const auto output_descriptor = describe_output(geometry);
  STRATA_CUDNN(cudnn_library().cudnnPoolingBackward(
      cudnn_handle(), pooling.get(), &kOne, output_descriptor.get(), output.data<float>(),
      output_descriptor.get(), grad_output.data<float>(), input_descriptor.get(),
      input.data<float>(), &kZero, input_descriptor.get(), grad_input.data<float>()));
}

}  // namespace strata::cudnn
