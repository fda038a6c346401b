#include "ops/cuda/narrow_dense.h"

#include "ops/cuda/launch.cuh"
#include "ops/cuda/load_if.cuh"
#include "ops/cuda/narrow_warp.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kWarps = 4;  // few, so that a small batch reaches every multiprocessor
constexpr int kThreads = kWarps * 32;

/// The layer as a kernel sees it. Every row of memory is `inputs` or `outputs` long.
struct Narrow {
  int64_t rows;
  int inputs, outputs;
};

/// One warp computes all outputs of kRows rows: its lanes divide the inputs. No shared memory and
/// no barrier: all loads are under way at once, weights come from L1 after the first warp, and a
/// small batch costs one latency of memory. With a large batch kRows rows share each load of
/// weights.
template <int kOutputs, int kRows, int kVector, class T>
__global__ void __launch_bounds__(kThreads)
    narrow_forward_kernel(Narrow narrow, const T* __restrict__ input,
                          const float* __restrict__ weight, const float* __restrict__ bias,
                          bool relu, float* __restrict__ output) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t first = (int64_t{blockIdx.x} * kWarps + warp) * kRows;
  take_turn();
  pass_turn();
  input = after_turn(input);
  weight = after_turn(weight);
  bias = after_turn(bias);
  if (first >= narrow.rows) return;
  float sums[kRows][kOutputs] = {};
#pragma unroll(kRows == 1 ? 2 : 1)
  for (int i = lane * kVector; i < narrow.inputs; i += 32 * kVector) {
    Floats<kVector> x[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r)  // rows past the last are read as the last and not stored
      x[r] = load<kVector>(input + min(first + r, narrow.rows - 1) * narrow.inputs + i);
#pragma unroll
    for (int o = 0; o < kOutputs; ++o) {
      const int row_of_weight = min(o, narrow.outputs - 1);
      const auto w = load<kVector>(weight + int64_t{row_of_weight} * narrow.inputs + i);
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int v = 0; v < kVector; ++v) sums[r][o] = fmaf(x[r].at[v], w.at[v], sums[r][o]);
    }
  }
  const bool has_output = lane < narrow.outputs;
  const float bias_of_lane = load_if(has_output & (bias != nullptr), bias + lane);
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    float sum = sum_across_lanes(sums[r]) + bias_of_lane;
    if (relu && sum < 0) sum = 0;  // the comparison keeps NaN
    if (has_output && first + r < narrow.rows) output[(first + r) * narrow.outputs + lane] = sum;
  }
}

/// One warp computes 32 kVector columns of kRows rows of the gradient: a lane keeps the weights of
/// its columns in registers, and all lanes read the same few values of g'.
template <int kOutputs, int kRows, int kVector, class T>
__global__ void __launch_bounds__(kThreads)
    narrow_grad_input_kernel(Narrow narrow, const float* __restrict__ weight,
                             const float* __restrict__ grad_output,
                             const float* __restrict__ relu_output, T* __restrict__ grad_input) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const unsigned columns = 32 * kVector, groups = (narrow.inputs + columns - 1) / columns;
  const int column = static_cast<int>(blockIdx.x % groups * columns) + lane * kVector;
  const int64_t first = (int64_t{blockIdx.x / groups} * kWarps + warp) * kRows;
  Floats<kVector> w[kOutputs];
#pragma unroll
  for (int o = 0; o < kOutputs; ++o) {
    const int64_t row_of_weight = min(o, narrow.outputs - 1);
    w[o] = load<kVector>(weight + row_of_weight * narrow.inputs +
                         min(column, narrow.inputs - kVector));
  }
  take_turn();
  pass_turn();
  if (column >= narrow.inputs) return;
#pragma unroll 2
  for (int r = 0; r < kRows; ++r) {
    const int64_t row = first + r;
    if (row >= narrow.rows) return;
    Floats<kVector> sum{};
#pragma unroll
    for (int o = 0; o < kOutputs; ++o) {
      const bool there = o < narrow.outputs, masked = there & (relu_output != nullptr);
      const int64_t place = row * narrow.outputs + o;
      const float gradient = load_if(there, grad_output + place);
      const bool closed = masked & !(load_if(masked, relu_output + place) > 0);
      const float g = closed ? 0.0f : gradient;
#pragma unroll
      for (int v = 0; v < kVector; ++v) sum.at[v] = fmaf(g, w[o].at[v], sum.at[v]);
    }
    store(grad_input + row * narrow.inputs + column, sum);
  }
}

/// Calls launch(outputs, rows per warp, floats per load), as constants. Many rows per warp save
/// loads of weights, as soon as there are blocks enough for every multiprocessor without.
template <class Launch>
void with_constants(const Narrow& narrow, int64_t warps_per_row, bool vectors, Launch&& launch) {
  const auto with_rows = [&](auto outputs, auto rows) {
    if (vectors)
      launch(outputs, rows, Constant<4>());
    else
      launch(outputs, rows, Constant<1>());
  };
  const auto with_outputs = [&](auto outputs) {
    constexpr int kManyRows = 4;
    const int64_t warps = narrow.rows * warps_per_row / kManyRows;
    if (warps >= int64_t{device_info().multiprocessors} * kWarps)
      with_rows(outputs, Constant<kManyRows>());
    else
      with_rows(outputs, Constant<1>());
  };
  with_outputs_of(narrow.outputs, with_outputs);
}

unsigned blocks_for(const char* name, int64_t warps) {
  const int64_t blocks = (warps + kWarps - 1) / kWarps;
  check(blocks <= INT32_MAX, "{}: {} blocks are more than the GPU takes; use a smaller batch", name,
        blocks);
  return static_cast<unsigned>(blocks);
}

Narrow narrow_of(const char* name, const DenseGeometry& geometry) {
  constexpr int64_t kMaxInputs = int64_t{1} << 30;
  check(geometry.inputs <= kMaxInputs, "{}: {} inputs are too many", name, geometry.inputs);
  return {geometry.rows, static_cast<int>(geometry.inputs), static_cast<int>(geometry.outputs)};
}

}  // namespace

template <class T>
void narrow_dense(const DenseGeometry& geometry, const T* input, const float* weight,
                  const float* bias, float* output) {
  if (geometry.rows == 0) return;
  const char* name = "dense";
  const Narrow narrow = narrow_of(name, geometry);
  const bool vectors = narrow.inputs % 4 == 0 && four_at_once(input) && four_at_once(weight);
  const bool relu = geometry.activation == ops::Activation::relu;
  with_constants(narrow, 1, vectors, [&](auto outputs, auto rows, auto vector) {
    const int64_t warps = (narrow.rows + rows.value - 1) / rows.value;
    launch_in_turn(name, narrow_forward_kernel<outputs.value, rows.value, vector.value, T>,
                   {blocks_for(name, warps), kThreads}, narrow, input, weight, bias, relu, output);
  });
}

template <class T>
void narrow_dense_grad_input(const DenseGeometry& geometry, const float* weight,
                             const float* grad_output, const float* relu_output, T* grad_input) {
  if (geometry.rows == 0 || geometry.inputs == 0) return;
  const char* name = "dense input gradient";
  const Narrow narrow = narrow_of(name, geometry);
  const bool vectors = narrow.inputs % 4 == 0 && four_at_once(weight) && four_at_once(grad_input);
  const int64_t columns = vectors ? 128 : 32, groups = (narrow.inputs + columns - 1) / columns;
  with_constants(narrow, groups, vectors, [&](auto outputs, auto rows, auto vector) {
    const int64_t row_groups = (narrow.rows + rows.value * kWarps - 1) / (rows.value * kWarps);
    launch_in_turn(name, narrow_grad_input_kernel<outputs.value, rows.value, vector.value, T>,
                   {blocks_for(name, row_groups * groups * kWarps), kThreads}, narrow, weight,
                   grad_output, relu_output, grad_input);
  });
}

template void narrow_dense(const DenseGeometry&, const float*, const float*, const float*, float*);
template void narrow_dense(const DenseGeometry&, const BFloat16*, const float*, const float*,
                           float*);
template void narrow_dense_grad_input(const DenseGeometry&, const float*, const float*,
                                      const float*, float*);
template void narrow_dense_grad_input(const DenseGeometry&, const float*, const float*,
                                      const float*, BFloat16*);

}  // namespace strata::cuda
