// cudnnSoftmaxForward and cudnnSoftmaxBackward. The accurate algorithm subtracts the maximum, as
// ops/softmax.h says.
#include "ops/cudnn/legacy.h"
#include "ops/softmax_kernels.h"
#include "tensor/trace.h"

namespace strata::cudnn {
namespace {

using cuda::cudnn_handle;
using cuda::cudnn_library;

cudnnSoftmaxAlgorithm_t algorithm_of(Softmax kind) {
  return kind == Softmax::plain ? CUDNN_SOFTMAX_ACCURATE : CUDNN_SOFTMAX_LOG;
}

// The classes are the channels of images of one pixel.
TensorDescriptor describe_rows(const SoftmaxGeometry& geometry) {
  return describe(geometry.rows, 1, 1, geometry.classes);
}

}  // namespace

void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input, Tensor& output) {
  if (geometry.rows == 0) return;
  const TraceScope trace(TraceLayer::library, "cudnnSoftmaxForward");
  const auto rows = describe_rows(geometry);
  STRATA_CUDNN(cudnn_library().cudnnSoftmaxForward(
      cudnn_handle(), algorithm_of(kind), CUDNN_SOFTMAX_MODE_CHANNEL, &kOne, rows.get(),
      input.data<float>(), &kZero, rows.get(), output.data<float>()));
}

void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_input) {
  if (geometry.rows == 0) return;
  const TraceScope trace(TraceLayer::library, "cudnnSoftmaxBackward");
  const auto rows = describe_rows(geometry);
  STRATA_CUDNN(cudnn_library().cudnnSoftmaxBackward(
      cudnn_handle(), algorithm_of(kind), CUDNN_SOFTMAX_MODE_CHANNEL, &kOne, rows.get(),
      output.data<float>(), rows.get(), grad_output.data<float>(), &kZero, rows.get(),
      grad_input.data<float>()));
}

}  // namespace strata::cudnn
