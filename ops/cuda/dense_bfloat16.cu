// Which of a dense layer's kernels read and write bfloat16. A file of its own because each way to
// store input and output makes nine kernels, which take the compiler a while.
#include "ops/cuda/dense_bfloat16.h"

#include "ops/cuda/dense_tensor.cuh"
#include "ops/cuda/narrow_dense.h"
#include "tensor/branch.h"

namespace strata::cuda {
namespace {

template <class I, class O>
void forward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
             const Tensor& bias, Tensor& output) {
  if constexpr (std::is_same_v<O, float>)
    if (is_narrow(geometry))
      return narrow_dense(geometry, input.data<I>(), weight.data<float>(),
                          geometry.has_bias ? bias.data<float>() : nullptr, output.data<float>());
  tensor_forward<I, O>(geometry, input, weight, bias, output);
}

/// The sums that give the bias's gradient ride on the product that gives the weight's.
template <class I, class O>
void grad_weight_and_bias(const DenseGeometry& geometry, const Tensor& input,
                          const OutputGradient<O>& gradient, DenseGradients& gradients) {
  const MemoryScope scope(MemoryUse::workspace);
  Tensor weight = gradients.weight;
  if (!weight.defined())
    weight = Tensor::empty({geometry.outputs, geometry.inputs}, DType::float32, Device::gpu);
  tensor_grad_weight<I>(geometry, input, gradient, weight, gradients.bias);
}

template <class I, class O>
void grad_input(const DenseGeometry& geometry, const Tensor& weight,
                const OutputGradient<O>& gradient, Tensor& result) {
  if constexpr (std::is_same_v<O, float>)
    if (is_narrow(geometry))
      return narrow_dense_grad_input(geometry, weight.data<float>(), gradient.data,
                                     gradient.relu_output, result.data<I>());
  tensor_grad_input<I>(geometry, weight, gradient, result);
}

template <class I, class O>
void backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
              const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const OutputGradient<O> gradient(geometry, output, grad_output);
  if (gradients.weight.defined() || gradients.bias.defined()) {
    const Branch branch(gradients.branch);
    grad_weight_and_bias<I>(geometry, input, gradient, gradients);
  }
  if (gradients.input.defined()) grad_input<I>(geometry, weight, gradient, gradients.input);
}

}  // namespace

void dense_bfloat16(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& bias, Tensor& output) {
  const auto kernels = output.dtype() == DType::float32  ? forward<BFloat16, float>
                       : input.dtype() == DType::float32 ? forward<float, BFloat16>
                                                         : forward<BFloat16, BFloat16>;
  kernels(geometry, input, weight, bias, output);
}

void dense_backward_bfloat16(const DenseGeometry& geometry, const Tensor& input,
                             const Tensor& weight, const Tensor& output, const Tensor& grad_output,
                             DenseGradients& gradients) {
  const auto kernels = grad_output.dtype() == DType::float32 ? backward<BFloat16, float>
                       : input.dtype() == DType::float32     ? backward<float, BFloat16>
                                                             : backward<BFloat16, BFloat16>;
  kernels(geometry, input, weight, output, grad_output, gradients);
}

}  // namespace strata::cuda
