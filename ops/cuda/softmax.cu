// A warp per row: three passes over it forward (maximum, sum, result), two backward (sum, result).
// A row of the usual length stays in the cache between passes.
#include "ops/softmax_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 8;

struct Larger {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

struct Plus {
  __device__ float operator()(float a, float b) const { return a + b; }
};

/// The reduction of one value per lane, known to all lanes: a butterfly, so a fixed order.
template <class Operation>
__device__ float reduce_warp(float value, Operation operation) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = operation(value, __shfl_xor_sync(0xffffffff, value, distance));
  return value;
}

__device__ int64_t row_of_warp() { return int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.y; }

__global__ void softmax_kernel(Softmax kind, SoftmaxGeometry geometry, const float* input,
                               float* output) {
  if (row_of_warp() >= geometry.rows) return;  // a whole warp leaves
  const float* x = input + row_of_warp() * geometry.classes;
  float* y = output + row_of_warp() * geometry.classes;

  float largest = -INFINITY;
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp) largest = fmaxf(largest, x[c]);
  largest = reduce_warp(largest, Larger());
  float sum = 0;
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp) sum += expf(x[c] - largest);
  sum = reduce_warp(sum, Plus());
  const float log_sum = logf(sum);
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp) {
    const float relative = x[c] - largest;
    y[c] = kind == Softmax::plain ? expf(relative) / sum : relative - log_sum;
  }
}

__global__ void softmax_backward_kernel(Softmax kind, SoftmaxGeometry geometry,
                                        const float* output, const float* grad_output,
                                        float* grad_input) {
  if (row_of_warp() >= geometry.rows) return;
  const int64_t begin = row_of_warp() * geometry.classes;
  const float* y = output + begin;
  const float* g = grad_output + begin;

  float sum = 0;
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp)
    sum += kind == Softmax::plain ? g[c] * y[c] : g[c];
  sum = reduce_warp(sum, Plus());
  for (int64_t c = threadIdx.x; c < geometry.classes; c += kWarp)
    grad_input[begin + c] = kind == Softmax::plain ? y[c] * (g[c] - sum) : g[c] - expf(y[c]) * sum;
}

unsigned blocks(const SoftmaxGeometry& geometry) {
  return static_cast<unsigned>((geometry.rows + kRowsPerBlock - 1) / kRowsPerBlock);
}

}  // namespace

void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input, Tensor& output) {
  if (geometry.rows == 0) return;
  softmax_kernel<<<blocks(geometry), dim3(kWarp, kRowsPerBlock), 0, stream()>>>(
      kind, geometry, input.data<float>(), output.data<float>());
  check_launch("softmax");
}

void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_input) {
  if (geometry.rows == 0) return;
  softmax_backward_kernel<<<blocks(geometry), dim3(kWarp, kRowsPerBlock), 0, stream()>>>(
      kind, geometry, output.data<float>(), grad_output.data<float>(), grad_input.data<float>());
  check_launch("softmax_backward");
}

}  // namespace strata::cuda
