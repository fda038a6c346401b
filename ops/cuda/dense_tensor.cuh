// A dense layer's products on the tensor cores (tensor_gemm.cuh), for every way to store its
// activations: I is the element of the input and its gradient, O that of the output and its own,
// float or BFloat16. With ReLU the output is bfloat16 wherever the input is.
#pragma once

#include "ops/cuda/tensor_gemm_launch.cuh"
#include "ops/dense_kernels.h"

namespace strata::cuda {

/// What backward reads of the gradient: g' = grad_output, or grad_output [relu_output > 0] unless
/// that is null.
template <class O>
struct OutputGradient {
  const O *data, *relu_output;

  OutputGradient(const DenseGeometry& geometry, const Tensor& output, const Tensor& grad_output)
      : data(grad_output.data<O>()),
        relu_output(geometry.activation == ops::Activation::relu ? output.data<O>() : nullptr) {}
};

inline constexpr const char* kInputGradient = "dense input gradient";
inline constexpr const char* kWeightGradient = "dense weight gradient";

/// Calls body(masked), a constant, of which only the values that occur are instantiated.
template <class I, class O, class Body>
void with_mask(const OutputGradient<O>& gradient, Body&& body) {
  constexpr bool kBothFloat = std::is_same_v<I, float> && std::is_same_v<O, float>;
  if constexpr (kBothFloat) {
    if (gradient.relu_output != nullptr)
      body(std::true_type());
    else
      body(std::false_type());
  } else {
    body(std::is_same<O, BFloat16>());
  }
}

template <class I, class O>
void tensor_forward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& bias, Tensor& output) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  using Product = TensorProduct<true, true, false, false, TensorElements<I, float, O>>;
  run_tensor_gemm<Product>("dense", {rows, outputs, inputs}, {input.data<I>(), inputs},
                           {weight.data<float>(), inputs},
                           {.data = output.data<O>(),
                            .row_stride = outputs,
                            .bias = has_bias ? bias.data<float>() : nullptr,
                            .relu = activation == ops::Activation::relu},
                           is_settled(weight) && (!has_bias || is_settled(bias)));
}

template <class I, class O>
void tensor_grad_input(const DenseGeometry& geometry, const Tensor& weight,
                       const OutputGradient<O>& gradient, Tensor& grad_input) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  const TensorExtents extents{rows, inputs, outputs};
  const TensorOperand<O> g{gradient.data, outputs, gradient.relu_output};
  const TensorOperand<float> w{weight.data<float>(), inputs};
  const TensorOutput<I> result{.data = grad_input.data<I>(), .row_stride = inputs};
  with_mask<I>(gradient, [&](auto masked) {
    using Product = TensorProduct<true, false, masked.value, false, TensorElements<O, float, I>>;
    run_tensor_gemm<Product>(kInputGradient, extents, g, w, result, true);
  });
}

/// And the gradient of the bias, unless `grad_bias` is undefined.
template <class I, class O>
void tensor_grad_weight(const DenseGeometry& geometry, const Tensor& input,
                        const OutputGradient<O>& gradient, Tensor& grad_weight,
                        const Tensor& grad_bias) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  const TensorExtents extents{outputs, inputs, rows};
  const TensorOperand<O> g{gradient.data, outputs, gradient.relu_output};
  const TensorOperand<I> x{input.data<I>(), inputs};
  const TensorOutput<float> result{
      .data = grad_weight.data<float>(),
      .row_stride = inputs,
      .line_sums = grad_bias.defined() ? grad_bias.data<float>() : nullptr};
  with_mask<I>(gradient, [&](auto masked) {
    using Product = TensorProduct<false, false, masked.value, true, TensorElements<O, I, float>>;
    run_tensor_gemm<Product>(kWeightGradient, extents, g, x, result, true);
  });
}

}  // namespace strata::cuda
