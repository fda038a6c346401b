// Bias and ReLU are applied as the product is stored; backward masks grad_output as it is loaded,
// so neither needs memory of its own.
//
//            i        j        k        A(i, k)      B(k, j)
//   forward  row      output   input    x[i][k]      w[j][k]
//   input    row      input    output   g'[i][k]     w[k][j]
//   weight   input    output   row      x[k][i]      g'[k][j]     stored as grad_weight[j][i]
//
// The outputs stand on the short side j of the tiles: a last layer has few of them.
#include "ops/dense_kernels.h"

#include "ops/cuda/gemm.cuh"
#include "ops/cuda/matrix_operand.cuh"
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

}  // namespace

void dense(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
           const Tensor& bias, Tensor& output) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  run_gemm("dense", {rows, outputs, inputs}, LinesAlongK{input.data<float>(), inputs},
           LinesAlongK{weight.data<float>(), inputs},
           GemmOutput{.data = output.data<float>(),
                      .row_stride = outputs,
                      .bias = has_bias ? bias.data<float>() : nullptr,
                      .relu = activation == ops::Activation::relu});
}

void dense_backward(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
                    const Tensor& output, const Tensor& grad_output, DenseGradients& gradients) {
  const auto& [rows, inputs, outputs, has_bias, activation] = geometry;
  const float* g = grad_output.data<float>();
  const float* mask = activation == ops::Activation::relu ? output.data<float>() : nullptr;
  const MaskedGradient<true> rows_of_gradient{{g, outputs}, mask};
  {
    const Branch branch(gradients.branch);
    if (gradients.weight.defined())
      run_gemm(
          "dense weight gradient", {inputs, outputs, rows},
          LinesAcrossK{input.data<float>(), inputs}, MaskedGradient<false>{{g, outputs}, mask},
          GemmOutput{
              .data = gradients.weight.data<float>(), .row_stride = 1, .column_stride = inputs});
    if (gradients.bias.defined())
      sum_gradient(rows_of_gradient, rows, outputs, gradients.bias.data<float>());
  }
  if (gradients.input.defined())
    run_gemm("dense input gradient", {rows, inputs, outputs}, rows_of_gradient,
             LinesAcrossK{weight.data<float>(), inputs},
             GemmOutput{.data = gradients.input.data<float>(), .row_stride = inputs});
}

}  // namespace strata::cuda
