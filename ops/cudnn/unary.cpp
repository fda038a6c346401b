// cudnnActivationForward and cudnnActivationBackward: relu, sigmoid and tanh.
#include "ops/cudnn/legacy.h"
#include "ops/unary_kernels.h"
#include "tensor/trace.h"

namespace strata::cudnn {
namespace {

using cuda::cudnn_handle;
using cuda::cudnn_library;
using ActivationDescriptor = Owned<cudnnActivationDescriptor_t>;

ActivationDescriptor describe_activation(Unary op) {
  const cudnnActivationMode_t mode = op == Unary::relu      ? CUDNN_ACTIVATION_RELU
                                     : op == Unary::sigmoid ? CUDNN_ACTIVATION_SIGMOID
                                                            : CUDNN_ACTIVATION_TANH;
  cudnnActivationDescriptor_t created = nullptr;
  STRATA_CUDNN(cudnn_library().cudnnCreateActivationDescriptor(&created));
  ActivationDescriptor descriptor(created, [](cudnnActivationDescriptor_t handle) noexcept {
    cudnn_library().cudnnDestroyActivationDescriptor(handle);
  });
  STRATA_CUDNN(cudnn_library().cudnnSetActivationDescriptor(created, mode, CUDNN_PROPAGATE_NAN,
                                                            /*coef=*/0.0));
  return descriptor;
}

}  // namespace

void unary(Unary op, const Tensor& input, Tensor& output) {
  if (input.size() == 0) return;
  const TraceScope trace(TraceLayer::library, "cudnnActivationForward");
  const auto activation = describe_activation(op);
  const auto flat = describe_flat(input.size());
  STRATA_CUDNN(cudnn_library().cudnnActivationForward(cudnn_handle(), activation.get(), &kOne,
                                                      flat.get(), input.data<float>(), &kZero,
                                                      flat.get(), output.data<float>()));
}

// cuDNN's formulas for these three read only the output; it asks for the input all the same, and
// is given the output in its place.
void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output, Tensor& grad_input) {
  if (saved.size() == 0) return;
  const TraceScope trace(TraceLayer::library, "cudnnActivationBackward");
  const auto activation = describe_activation(op);
  const auto flat = describe_flat(saved.size());
  const float* output = saved.data<float>();
  STRATA_CUDNN(cudnn_library().cudnnActivationBackward(
      cudnn_handle(), activation.get(), &kOne, flat.get(), output, flat.get(),
      grad_output.data<float>(), flat.get(), output, &kZero, flat.get(), grad_input.data<float>()));
}

}  // namespace strata::cudnn
