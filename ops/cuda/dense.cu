// Bias and ReLU are applied as the product is stored; backward masks grad_output as it is loaded,
// so neither needs memory of its own.
//
//            i        j        k        A(i, k)      B(k, j)
//   forward  row      output   input    x[i][k]      w[j][k]
//   input    row      input    output   g'[i][k]     w[k][j]
//   weight   input    output   row      x[k][i]      g'[k][j]     stored as grad_weight[j][i]
//
// In float32 the outputs stand on the short side j of the tiles: a last layer has few of them. On
// the tensor cores (TF32) the gradient of the weight is stored as it lies in memory, so that its
// rows i are outputs, and the sum over k of row i of A is the gradient of the bias:
//
//   weight   output   input    row      g'[k][i]    x[k][j]
//
// Backward is two kernels there, which do not depend on each other.
#include "ops/dense_kernels.h"

#include "ops/cuda/dense_bfloat16.h"
#include "ops/cuda/dense_tensor.cuh"
#include "ops/cuda/gemm.cuh"
#include "ops/cuda/matrix_operand.cuh"
#include "ops/cuda/narrow_dense.h"
#include "ops/cuda/tensor_cores.h"
#include "tensor/branch.h"

namespace strata::cuda {
namespace {

/// grad_output, or where `relu_output` is given, grad_output [relu_output > 0].
template <bool kAlongK>
struct MaskedGradient : MatrixOperand<kAlongK> {
  const float* relu_output;

  __device__ float at(int64_t line, int64_t step, bool wanted) const {
    const int64_t offset = line + step;
    const bool masked = relu_output != nullptr;
    const bool closed = masked & !(load_if(wanted & masked, relu_output + offset) > 0);
    const float gradient = load_if(wanted, this->data + offset);
    return closed ? 0.0f : gradient;
  }
};

struct MaskedRows {
  MaskedGradient<true> gradient;
  __device__ float operator()(int64_t row, int64_t column) const {
    return gradient.at(row * gradient.stride, column, true);
  }
};

struct StoreRow {
  float* data;
  int64_t columns;
  __device__ void operator()(int row, int64_t column, float sum) const {
    data[row * columns + column] = sum;
  }
};

/// Sums over the rows. Long columns are cut into chunks, whose sums are added up by a second
/// kernel, because few outputs alone make few blocks.
void sum_gradient(const MaskedGradient<true>& gradient, int64_t rows, int64_t outputs,
                  float* grad_bias) {
  constexpr int64_t kMinRows = 512, kMaxChunks = 256;
  const MaskedRows source{gradient};
  const StoreRow result{grad_bias, outputs};
  const int64_t per_chunk = std::max(plan::divide_up(rows, kMaxChunks), kMinRows);
  if (per_chunk >= rows)
    return sum_rows("dense bias gradient", source, result, rows, outputs, per_chunk);
  const int64_t chunks = plan::divide_up(rows, per_chunk);
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor partial = Tensor::empty({chunks, outputs}, DType::float32, Device::gpu);
  float* sums = partial.data<float>();
  sum_rows("dense bias gradient", source, StoreRow{sums, outputs}, rows, outputs, per_chunk);
  sum_rows("dense bias gradient", MatrixRows{sums, outputs}, result, chunks, outputs, chunks);
}

void grad_input_of(const DenseGeometry& geometry, const Tensor& weight,
                   const OutputGradient<float>& gradient, Tensor& grad_input) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  if (is_narrow(geometry))
    return narrow_dense_grad_input(geometry, weight.data<float>(), gradient.data,
                                   gradient.relu_output, grad_input.data<float>());
  if (use_tensor_cores()) return tensor_grad_input<float>(geometry, weight, gradient, grad_input);
  run_gemm(kInputGradient, {rows, inputs, outputs},
           MaskedGradient<true>{{gradient.data, outputs}, gradient.relu_output},
           LinesAcrossK{weight.data<float>(), inputs},
           GemmOutput{.data = grad_input.data<float>(), .row_stride = inputs});
}

void grad_weight_and_bias(const DenseGeometry& geometry, const Tensor& input,
                          const OutputGradient<float>& gradient, DenseGradients& gradients) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  if (use_tensor_cores() && gradients.weight.defined() && inputs > 0)
    return tensor_grad_weight<float>(geometry, input, gradient, gradients.weight, gradients.bias);
  if (gradients.weight.defined())
    run_gemm(kWeightGradient, {inputs, outputs, rows}, LinesAcrossK{input.data<float>(), inputs},
             MaskedGradient<false>{{gradient.data, outputs}, gradient.relu_output},
             GemmOutput{
                 .data = gradients.weight.data<float>(), .row_stride = 1, .column_stride = inputs});
  if (gradients.bias.defined())
    sum_gradient({{gradient.data, outputs}, gradient.relu_output}, rows, outputs,
                 gradients.bias.data<float>());
}

bool in_bfloat16(const Tensor& input, const Tensor& output) {
  return input.dtype() == DType::bfloat16 || output.dtype() == DType::bfloat16;
}

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  if (in_bfloat16(input, output)) return dense_bfloat16(geometry, input, weight, bias, output);
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  const float* bias_or_null = has_bias ? bias.data<float>() : nullptr;
  if (is_narrow(geometry))
    return narrow_dense(geometry, input.data<float>(), weight.data<float>(), bias_or_null,
                        output.data<float>());
  if (use_tensor_cores())
    return tensor_forward<float, float>(geometry, input, weight, bias, output);
  run_gemm("dense", {rows, outputs, inputs}, LinesAlongK{input.data<float>(), inputs},
           LinesAlongK{weight.data<float>(), inputs},
           GemmOutput{.data = output.data<float>(),
                      .row_stride = outputs,
                      .bias = bias_or_null,
                      .relu = activation == ops::Activation::relu});
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  if (in_bfloat16(input, grad_output))
    return dense_backward_bfloat16(geometry, input, weight, output, grad_output, gradients);
  const OutputGradient<float> gradient(geometry, output, grad_output);
  if (gradients.weight.defined() || gradients.bias.defined()) {
    const Branch branch(gradients.branch);
    grad_weight_and_bias(geometry, input, gradient, gradients);
  }
  if (gradients.input.defined()) grad_input_of(geometry, weight, gradient, gradients.input);
}

}  // namespace strata::cuda
