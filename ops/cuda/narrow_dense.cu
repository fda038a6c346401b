#include "ops/cuda/narrow_dense.h"

#include "ops/cuda/element.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/load_if.cuh"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kWarps = 4;  // few, so that a small batch reaches every multiprocessor
constexpr int kThreads = kWarps * 32;
constexpr unsigned kAllLanes = 0xffffffff;

/// The layer as a kernel sees it. Every row of memory is `inputs` or `outputs` long.
struct Narrow {
  int64_t rows;
  int inputs, outputs;
};

/// kVector neighbouring elements, 4 only where they are aligned.
template <int kVector>
struct Floats {
  float at[kVector];
};

template <int kVector>
__device__ Floats<kVector> load(const float* address) {
  if constexpr (kVector == 4) {
    const float4 four = __ldg(reinterpret_cast<const float4*>(address));
    return {four.x, four.y, four.z, four.w};
  } else {
    return {__ldg(address)};
  }
}

template <int kVector>
__device__ Floats<kVector> load(const BFloat16* address) {
  if constexpr (kVector == 4) {
    const uint2 pairs = __ldg(reinterpret_cast<const uint2*>(address));
    return {lower_of(pairs.x), upper_of(pairs.x), lower_of(pairs.y), upper_of(pairs.y)};
  } else {
    return {static_cast<float>(*address)};
  }
}

template <int kVector, class T>
__device__ void store(T* address, const Floats<kVector>& values) {
  if constexpr (kVector == 4)
    store4(address, {values.at[0], values.at[1], values.at[2], values.at[3]});
  else
    *address = stored_as<T>(values.at[0]);
}

/// The sums of at most 16 values over the lanes of a warp; lane l gets that of value l % 16, or 0.
/// Each exchange, with the lane half as far away, halves the values that a lane still has to do
/// with, so 16 sums take 16 shuffles instead of 80.
template <int kValues>
__device__ float sum_across_lanes(const float (&given_values)[kValues]) {
  constexpr int kCount = static_cast<int>(kMaxNarrowOutputs);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float values[kCount] = {};
#pragma unroll
  for (int i = 0; i < kValues; ++i) values[i] = given_values[i];
#pragma unroll
  for (int half = kCount / 2; half > 0; half /= 2) {
    const bool upper = (lane & half) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float given = upper ? values[i] : values[i + half];
      const float kept = upper ? values[i + half] : values[i];
      values[i] = kept + __shfl_xor_sync(kAllLanes, given, half);
    }
  }
#pragma unroll
  for (int distance = kCount; distance < 32; distance *= 2)
    values[0] += __shfl_xor_sync(kAllLanes, values[0], distance);
  return values[0];
}

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

template <int kValue>
struct Constant {
  static constexpr int value = kValue;
};

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
  if (narrow.outputs <= 4)
    with_outputs(Constant<4>());
  else if (narrow.outputs <= 8)
    with_outputs(Constant<8>());
  else if (narrow.outputs <= 12)
    with_outputs(Constant<12>());
  else
    with_outputs(Constant<16>());
}

/// Whether four neighbours can be read at once.
template <class T>
bool aligned(const T* address) {
  return reinterpret_cast<uintptr_t>(address) % (4 * sizeof(T)) == 0;
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
  const bool vectors = narrow.inputs % 4 == 0 && aligned(input) && aligned(weight);
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
  const bool vectors = narrow.inputs % 4 == 0 && aligned(weight) && aligned(grad_input);
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
