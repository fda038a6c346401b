// cuDNN's answers against the CPU's, and its speed.
#include "tools/stack_check/probe/cuda/cudnn_convolution.h"

namespace strata::stack_probe {
namespace {

constexpr ConvolutionType kExact = {CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, CUDNN_FMA_MATH};
constexpr ConvolutionType kFast = {CUDNN_DATA_HALF, CUDNN_TENSOR_NHWC, CUDNN_TENSOR_OP_MATH};

/// The result in `block` against `expected`, as the fact `name`.
bool compare(Reporter& report, const char* name, const DeviceBlock& block,
             const std::vector<double>& expected) {
  std::vector<float> actual(expected.size());
  if (!block.read(actual)) return false;
  report.facts({{name, relative_error(actual, expected)}});
  return true;
}

}  // namespace

void check_convolution(Reporter& report, const CudnnApi& cudnn, cudnnHandle_t handle) {
  constexpr ConvolutionShape shape = {.n = 2, .c = 3, .h = 9, .w = 7, .k = 5};
  const std::vector<float> x = test_values(shape.inputs(), 1), w = test_values(shape.weights(), 2),
                           grad_y = test_values(shape.outputs(), 3);
  std::vector<double> y(shape.outputs()), grad_x(shape.inputs()), grad_w(shape.weights());
  for_each_term(shape, [&](size_t input, size_t weight, size_t output) {
    y[output] += static_cast<double>(x[input]) * w[weight];
    grad_x[input] += static_cast<double>(grad_y[output]) * w[weight];
    grad_w[weight] += static_cast<double>(x[input]) * grad_y[output];
  });
  CudnnConvolution convolution(report, cudnn, handle);
  const DeviceBlock x_block(report, x), w_block(report, w), grad_block(report, grad_y),
      y_block(report, y.size() * sizeof(float)), grad_x_block(report, x.size() * sizeof(float)),
      grad_w_block(report, w.size() * sizeof(float));
  if (!(x_block && w_block && grad_block && y_block && grad_x_block && grad_w_block)) return;
  // Each of the three is tried, whatever became of the others.
  if (!convolution.describe(shape, kExact)) return;
  if (convolution.forward(x_block.address(), w_block.address(), y_block.address()))
    compare(report, "forward_error", y_block, y);
  if (convolution.backward_input(w_block.address(), grad_block.address(), grad_x_block.address()))
    compare(report, "grad_input_error", grad_x_block, grad_x);
  if (convolution.backward_weight(x_block.address(), grad_block.address(), grad_w_block.address()))
    compare(report, "grad_weight_error", grad_w_block, grad_w);
}

void measure_convolution(Reporter& report, const CudnnApi& cudnn, cudnnHandle_t handle,
                         size_t memory_free) {
  // One convolution ends within a millisecond on a large card: several make a time to be read.
  constexpr int kInARow = 10;
  // 256 channels: with fewer, the convolution waits for memory and says little of the tensor cores.
  ConvolutionShape shape = {.n = 64, .c = 256, .h = 56, .w = 56, .k = 256};
  constexpr size_t kElement = sizeof(uint16_t);
  while (shape.n > 1 && (shape.inputs() + shape.outputs()) * kElement > memory_free / 2)
    shape.n /= 2;
  const DeviceBlock x(report, shape.inputs() * kElement, test_bits_fp16()),
      w(report, shape.weights() * kElement, test_bits_fp16()),
      y(report, shape.outputs() * kElement);
  CudnnConvolution convolution(report, cudnn, handle);
  if (!(x && w && y) || !convolution.describe(shape, kFast) ||
      !convolution.forward(x.address(), w.address(), y.address()))
    return;
  const double seconds = measure(report, [&] {
    for (int i = 0; i < kInARow; ++i)
      convolution.forward_again(x.address(), w.address(), y.address());
  });
  const double operations = 2.0 * shape.outputs() * shape.c * 9 * kInARow;
  if (seconds > 0)
    report.facts({{"convolution_tflops", operations / seconds * 1e-12},
                  {"convolution_math", "fp16 nhwc, fp32 sums"}});
}

}  // namespace strata::stack_probe
