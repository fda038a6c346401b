// own_op: an op of your own, with its gradient and its CUDA kernels, in one file.
//
//   swish(x) = x s(x)    d swish / dx = s(x) (1 + x (1 - s(x)))    s(x) = 1 / (1 + e^-x)
//
// Ramachandran, Zoph and Le, "Searching for Activation Functions", 2017, section 3.
//
// `own_op` runs on the CPU, `own_op gpu` on the GPU. nvcc compiles this file; in a build
// without CUDA the C++ compiler does, which leaves out what stands between #ifdef and #endif.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "examples/on_device.h"
#include "ops/dispatch.h"
#include "ops/operators.h"
#include "ops/reduce.h"
#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/host_device.h"

namespace own_op {

using namespace strata;

// 1. The formulas, once, for both processors and for float and double.
template <class T>
STRATA_HOST_DEVICE T swish_of(T x) {
  return x / (1 + std::exp(-x));
}

template <class T>
STRATA_HOST_DEVICE T swish_slope(T x) {
  const T s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

// 2. The loops: forward, and backward by the chain rule, from the gradient of the output to that of
// the input. On the CPU double serves the gradient check.
namespace cpu {

void swish(const Tensor& input, Tensor& output) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    std::transform(x, x + input.size(), output.data<T>(), swish_of<T>);
  });
}

void swish_backward(const Tensor& input, const Tensor& grad_output, Tensor& grad_input) {
  visit_floating(input.dtype(), [&]<class T>(T) {
    const T* x = input.data<T>();
    std::transform(x, x + input.size(), grad_output.data<T>(), grad_input.data<T>(),
                   [](T x, T grad) { return grad * swish_slope(x); });
  });
}

}  // namespace cpu

// 3. The same on the GPU. A kernel, marked __global__, is what one of many threads does, here for
// one element; threads are launched in blocks of equal size, and each is told its place.
namespace gpu {

void swish(const Tensor& input, Tensor& output);
void swish_backward(const Tensor& input, const Tensor& grad_output, Tensor& grad_input);

}  // namespace gpu
}  // namespace own_op

#ifdef __CUDACC__

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace own_op::gpu {

constexpr int kThreads = 256;  // in a block

// Enough to give each element a thread; the last block may have threads too many.
unsigned blocks_for(int64_t size) {
  return static_cast<unsigned>((size + kThreads - 1) / kThreads);
}

__device__ int64_t this_thread() {
  return int64_t{blockIdx.x} * kThreads + threadIdx.x;
}

__global__ void swish_kernel(const float* x, float* y, int64_t size) {
  const int64_t i = this_thread();
  if (i < size) y[i] = swish_of(x[i]);
}

__global__ void swish_backward_kernel(const float* x, const float* grad_output, float* grad_input,
                                      int64_t size) {
  const int64_t i = this_thread();
  if (i < size) grad_input[i] = grad_output[i] * swish_slope(x[i]);
}

// Queued on the framework's stream, behind what fills the input; nothing waits here.
void swish(const Tensor& input, Tensor& output) {
  swish_kernel<<<blocks_for(input.size()), kThreads, 0, strata::cuda::stream()>>>(
      input.data<float>(), output.data<float>(), input.size());
  strata::cuda::check_launch("swish_kernel");
}

void swish_backward(const Tensor& input, const Tensor& grad_output, Tensor& grad_input) {
  swish_backward_kernel<<<blocks_for(input.size()), kThreads, 0, strata::cuda::stream()>>>(
      input.data<float>(), grad_output.data<float>(), grad_input.data<float>(), input.size());
  strata::cuda::check_launch("swish_backward_kernel");
}

}  // namespace own_op::gpu

#endif

namespace own_op {

// 4. The node that the op leaves for backward(): its members are what the gradient needs.
struct SwishNode : Node {
  Tensor input;

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    if (input.device() == Device::cpu)
      cpu::swish_backward(input, grad_output, grad_input);
    else if constexpr (kHasCuda)  // a build without CUDA has no gpu::swish_backward to call
      gpu::swish_backward(input, grad_output, grad_input);
    return {grad_input};
  }
};

// 5. The op: check, allocate, compute, record.
Tensor swish(const Tensor& input) {
  const TraceScope trace(TraceLayer::op, "swish");  // for the x-ray (train_mnist --xray)
  check_floating("swish", input);
  check(input.size() > 0, "swish: the input is empty");
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  if (input.device() == Device::cpu)
    cpu::swish(input, output);
  else if constexpr (kHasCuda)
    gpu::swish(input, output);
  return record<SwishNode>("swish", {input}, output,
                           [&](SwishNode& node) { node.input = input.detach(); });
}

// 6. Is the gradient right? Of a function of each element by itself, which is not swish alone, so
// that the gradient that comes from above differs from element to element.
Tensor function(const Tensor& x) {
  return swish(x) * swish(x);
}

/// By backward().
std::vector<double> gradient(const Tensor& at) {
  Tensor x = at.clone().set_requires_grad(true);
  backward(ops::sum(function(x)));
  if (at.dtype() == DType::float64) return x.grad().to_vector<double>();
  const std::vector<float> values = x.grad().to_vector<float>();
  return {values.begin(), values.end()};
}

/// By central differences, in double: its error is about step^2.
std::vector<double> measured_gradient(const Tensor& at) {
  constexpr double kStep = 1e-4;
  const NoGradScope no_grad;
  return ((function(at + kStep) - function(at - kStep)) / (2 * kStep)).to_vector<double>();
}

/// Prints and returns whether the numbers agree to `tolerance`.
bool agree(const char* what, const std::vector<double>& actual, const std::vector<double>& expected,
           double tolerance) {
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    worst =
        std::max(worst, std::isfinite(actual[i]) ? std::abs(actual[i] - expected[i]) : HUGE_VAL);
  std::printf("  %-42s largest difference %.1e, allowed %.0e\n", what, worst, tolerance);
  return worst <= tolerance;
}

bool check_gradients(Device device) {
  std::vector<double> points;
  for (int i = 0; i <= 1000; ++i) points.push_back(-8 + 0.016 * i);
  const std::vector<float> rounded(points.begin(), points.end());
  const Shape shape = {static_cast<int64_t>(points.size())};
  const Tensor exact_at = Tensor::from(points, shape);
  const Tensor rounded_at = Tensor::from(rounded, shape, device);

  const std::vector<double> exact = gradient(exact_at);
  std::printf("gradient of swish(x)^2 at %zu points from %g to %g\n", points.size(), points.front(),
              points.back());
  const bool formula_is_right =
      agree("float64 on the cpu, to central differences", exact, measured_gradient(exact_at), 1e-6);
  // A float has 7 digits, and the gradients go up to 16.
  const bool device_is_right = agree(
      device == Device::gpu ? "float32 on the gpu, to float64" : "float32 on the cpu, to float64",
      gradient(rounded_at), exact, 5e-5);
  return formula_is_right && device_is_right;
}

}  // namespace own_op

int main(int argc, char** argv) {
  return strata::run_on_device(argc, argv, own_op::check_gradients);
}
