// A warp a row. A lane has four neighbouring columns of each 128, and keeps their weights in
// registers: they serve the products that give the logits and, once softmax has given the gradient
// of the logits, those that give the gradient of the input. Weights that are settled arrive while
// the kernel before this one still computes the input.
//
// Nothing leaves a warp, so there is no barrier and no shared memory. The mean of the rows' losses
// is somebody else's: ops/dense_softmax_cross_entropy.h says why.
#include <algorithm>

#include "ops/cuda/launch.cuh"
#include "ops/cuda/narrow_warp.cuh"
#include "ops/dense_softmax_cross_entropy_kernels.h"

namespace strata::cuda {
namespace {

constexpr int kWarps = 4;  // few, so that a small batch reaches every multiprocessor
constexpr int kThreads = kWarps * 32;
constexpr int kBlocksPerMultiprocessor = 3;  // as many as have room for their registers
constexpr int kClasses = static_cast<int>(kMaxNarrowOutputs);
constexpr int kColumns = 128;  // that the lanes of a warp have at once
constexpr int kMostChunks = 2;

template <class T>
struct Operands {
  int64_t rows;
  int inputs, outputs;
  const T* __restrict__ input;
  const float* __restrict__ weight;
  const float* __restrict__ bias;  // null: none
  const int32_t* __restrict__ labels;
  float* __restrict__ logits;
  float* __restrict__ losses;
  float* loss;                      // null: not wanted, as the next two
  float* __restrict__ grad_logits;  // of the mean loss
  T* __restrict__ grad_input;
  float share;   // of a row in the mean: 1 / rows
  bool settled;  // weight and bias are
};

__device__ int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % 32;
}

__device__ int column_of_lane(int chunk) {
  return chunk * kColumns + lane_of_thread() * 4;
}

/// As load<4>, but 0 unless `wanted`; `address` must be readable all the same, which spares a
/// branch.
template <class T>
__device__ Floats<4> load_or_zero(bool wanted, const T* address) {
  Floats<4> values = load<4>(address);
#pragma unroll
  for (float& value : values.at) value = wanted ? value : 0;
  return values;
}

/// A lane's part of the weights, 0 past the last column and output, and its output's bias.
template <int kOutputs, int kChunks>
struct LaneWeights {
  Floats<4> at[kChunks][kOutputs];
  float bias;

  template <class T>
  __device__ void load(const Operands<T>& operands) {
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      const int column = column_of_lane(chunk);
#pragma unroll
      for (int o = 0; o < kOutputs; ++o)
        at[chunk][o] =
            load_or_zero((column < operands.inputs) & (o < operands.outputs),
                         operands.weight + min(o, operands.outputs - 1) * operands.inputs +
                             min(column, operands.inputs - 4));
    }
    const int output = lane_of_thread() % kClasses;
    bias = operands.bias && output < operands.outputs ? operands.bias[output] : 0;
  }
};

/// Lane l gets output l % 16 of the row, if there is one.
template <int kOutputs, int kChunks, class T>
__device__ float logit_of_lane(const Operands<T>& operands,
                               const LaneWeights<kOutputs, kChunks>& weights, int64_t row) {
  float sums[kOutputs] = {};
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int column = column_of_lane(chunk);
    const auto x = load_or_zero(column < operands.inputs, operands.input + row * operands.inputs +
                                                              min(column, operands.inputs - 4));
#pragma unroll
    for (int o = 0; o < kOutputs; ++o)
#pragma unroll
      for (int v = 0; v < 4; ++v) sums[o] = fmaf(x.at[v], weights.at[chunk][o].at[v], sums[o]);
  }
  return sum_across_lanes(sums) + weights.bias;
}

__device__ float sum_over_classes(float value) {
#pragma unroll
  for (int distance = kClasses / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

// A NaN does not win, but reaches the sum of exponentials.
__device__ float largest_over_classes(float value) {
#pragma unroll
  for (int distance = kClasses / 2; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

/// Stores what the row's logits, one a lane and each twice in the warp, give; the result is the
/// gradient of the lane's, 0 where it has none.
template <class T>
__device__ float store_loss(const Operands<T>& operands, int64_t row, int32_t label, float logit) {
  const int lane = lane_of_thread(), c = lane % kClasses;
  const bool is_class = c < operands.outputs;
  const float value = is_class ? logit : -INFINITY;
  const float relative = value - largest_over_classes(value);
  const float exponential = expf(relative);
  const float sum = sum_over_classes(exponential);
  const float of_label = __shfl_sync(kAllLanes, relative, label & (kClasses - 1));
  const float share = operands.share, one_hot = c == label ? share : 0;
  const float gradient = is_class ? exponential * (share / sum) - one_hot : 0;
  if (lane == 0) {
    const bool valid = label >= 0 && label < operands.outputs;
    operands.losses[row] = valid ? logf(sum) - of_label : NAN;
  }
  if (lane < operands.outputs) {
    operands.logits[row * operands.outputs + lane] = logit;
    if (operands.grad_logits) operands.grad_logits[row * operands.outputs + lane] = gradient;
  }
  return gradient;
}

/// `gradient` is that of the logit of each lane.
template <int kOutputs, int kChunks, class T>
__device__ void store_grad_input(const Operands<T>& operands,
                                 const LaneWeights<kOutputs, kChunks>& weights, int64_t row,
                                 float gradient) {
  Floats<4> sums[kChunks] = {};
#pragma unroll
  for (int o = 0; o < kOutputs; ++o) {
    const float g = __shfl_sync(kAllLanes, gradient, o);
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk)
#pragma unroll
      for (int v = 0; v < 4; ++v)
        sums[chunk].at[v] = fmaf(g, weights.at[chunk][o].at[v], sums[chunk].at[v]);
  }
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int column = column_of_lane(chunk);
    if (column < operands.inputs)
      store(operands.grad_input + row * operands.inputs + column, sums[chunk]);
  }
}

/// With more rows than warps on the GPU a warp takes several, which share its weights.
template <int kOutputs, int kChunks, class T>
__global__ void __launch_bounds__(kThreads)
    dense_softmax_cross_entropy_kernel(Operands<T> operands) {
  LaneWeights<kOutputs, kChunks> weights;
  if (operands.settled) weights.load(operands);
  take_turn();
  pass_turn();
  operands.input = after_turn(operands.input);
  operands.labels = after_turn(operands.labels);
  if (!operands.settled) {
    operands.weight = after_turn(operands.weight);
    operands.bias = after_turn(operands.bias);
    weights.load(operands);
  }
  // From lane 0, so that the compiler sees that a warp takes each branch of the loop as one.
  const int warp = __shfl_sync(kAllLanes, static_cast<int>(threadIdx.x) / 32, 0);
  const int64_t first = int64_t{blockIdx.x} * kWarps + warp;
  if (operands.loss && blockIdx.x == 0 && threadIdx.x == 0) *operands.loss = NAN;
  for (int64_t row = first; row < operands.rows; row += int64_t{gridDim.x} * kWarps) {
    const int32_t label = operands.labels[row];
    const float logit = logit_of_lane(operands, weights, row);
    const float gradient = store_loss(operands, row, label, logit);
    if (operands.grad_input) store_grad_input(operands, weights, row, gradient);
  }
}

template <class T>
void launch(const Operands<T>& operands) {
  const int64_t most = int64_t{device_info().multiprocessors} * kBlocksPerMultiprocessor;
  const int64_t blocks = std::min((operands.rows + kWarps - 1) / kWarps, most);
  with_outputs_of(operands.outputs, [&](auto outputs) {
    const auto kernel = operands.inputs <= kColumns
                            ? dense_softmax_cross_entropy_kernel<outputs.value, 1, T>
                            : dense_softmax_cross_entropy_kernel<outputs.value, kMostChunks, T>;
    launch_in_turn("dense_softmax_cross_entropy", kernel, {static_cast<unsigned>(blocks), kThreads},
                   operands);
  });
}

template <class T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

template <class T>
void run(const DenseGeometry& geometry, const Tensor& input, const Tensor& weight,
         const Tensor& bias, const Tensor& labels, DenseLossResults& results) {
  launch(Operands<T>{.rows = geometry.rows,
                     .inputs = static_cast<int>(geometry.inputs),
                     .outputs = static_cast<int>(geometry.outputs),
                     .input = input.data<T>(),
                     .weight = weight.data<float>(),
                     .bias = data_or_null<float>(bias),
                     .labels = labels.data<int32_t>(),
                     .logits = results.logits.data<float>(),
                     .losses = results.losses.data<float>(),
                     .loss = data_or_null<float>(results.loss),
                     .grad_logits = data_or_null<float>(results.grad_logits),
                     .grad_input = data_or_null<T>(results.grad_input),
                     .share = 1 / static_cast<float>(geometry.rows),
                     .settled = is_settled(weight) && (!bias.defined() || is_settled(bias))});
}

template <class T>
bool is_readable(const Tensor& input, const Tensor& weight) {
  return four_at_once(input.data<T>()) && four_at_once(weight.data<float>());
}

}  // namespace

bool supports_dense_softmax_cross_entropy(const DenseGeometry& geometry, const Tensor& input,
                                          const Tensor& weight) {
  const int64_t inputs = geometry.inputs;
  if (!is_narrow(geometry) || inputs <= 0 || inputs > kMostChunks * kColumns || inputs % 4 != 0)
    return false;
  return input.dtype() == DType::bfloat16 ? is_readable<BFloat16>(input, weight)
                                          : is_readable<float>(input, weight);
}

void dense_softmax_cross_entropy(const DenseGeometry& geometry, const Tensor& input,
                                 const Tensor& weight, const Tensor& bias, const Tensor& labels,
                                 DenseLossResults& results) {
  const auto kernel = input.dtype() == DType::bfloat16 ? run<BFloat16> : run<float>;
  kernel(geometry, input, weight, bias, labels, results);
}

}  // namespace strata::cuda
