// The kernel of all optimizers: a rule for one element, run over flat buffers, and the end of the
// training step in the same launch.
//
// 256 threads of a block are workers: each takes four neighbouring elements at a time, so that its
// loads and stores are 16 bytes wide, and goes on to the next four in grid strides. One warp more
// keeps the step's state: its first lane reads the step and the learning rate and works out once
// per block what all elements share (Adam's bias corrections).
//
// The time of a small model goes into waiting. Weights, moments and the step's state are written by
// optimizers only, so all that needs no gradient is done before the kernel's turn: loads, bias
// corrections, the schedule's cosine, and counting the blocks that have read the state, of which
// the last may overwrite it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "ops/cuda/last_block.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/step_state.h"
#include "tensor/cuda/alignment.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {

inline constexpr int kUpdateWorkers = 256;
inline constexpr int kUpdateThreads = kUpdateWorkers + 32;
inline constexpr int kUpdateBlocksPerMultiprocessor = 4;

/// The buffers of an update: the gradients, and what is read and written: the weights first.
template <int kWritten>
struct FlatBuffers {
  const float* gradients;
  float* written[kWritten];
};

struct StepPointers {
  int32_t* step;
  float* learning_rate;
  const int32_t* diverged_at;
};

/// `kWidth` neighbouring elements of all buffers, in registers.
template <int kWritten, int kWidth>
struct FlatElements {
  struct alignas(4 * kWidth) Run {
    float of[kWidth];
  };
  Run gradient, written[kWritten];

  /// What only an optimizer writes.
  __device__ void load_written(const FlatBuffers<kWritten>& buffers, int64_t run) {
    for (int b = 0; b < kWritten; ++b)
      written[b] = reinterpret_cast<const Run*>(buffers.written[b])[run];
  }
  __device__ void load_gradient(const FlatBuffers<kWritten>& buffers, int64_t run) {
    gradient = reinterpret_cast<const Run*>(buffers.gradients)[run];
  }

  template <class Rule>
  __device__ void update(const Rule& rule, const typename Rule::Scalars& now) {
    for (int i = 0; i < kWidth; ++i) {
      float element[kWritten];
      for (int b = 0; b < kWritten; ++b) element[b] = written[b].of[i];
      rule.update(now, gradient.of[i], element);
      for (int b = 0; b < kWritten; ++b) written[b].of[i] = element[b];
    }
  }

  __device__ void store(const FlatBuffers<kWritten>& buffers, int64_t run) const {
    for (int b = 0; b < kWritten; ++b) reinterpret_cast<Run*>(buffers.written[b])[run] = written[b];
  }
};

/// Blocks that have read the state.
static __device__ unsigned state_readers;

/// A Rule has `kWritten`, a plain struct `Scalars`, `at(step, learning_rate)`, which gives one, and
/// `update(scalars, gradient, element)` with `float (&element)[kWritten]`.
template <class Rule, int kWidth>
__global__ void __launch_bounds__(kUpdateThreads)
    flat_update_kernel(Rule rule, FlatBuffers<Rule::kWritten> buffers, int64_t runs,
                       StepPointers state, ops::Schedule schedule, bool settled) {
  __shared__ typename Rule::Scalars now;
  const bool is_worker = threadIdx.x < kUpdateWorkers, is_keeper = threadIdx.x == kUpdateWorkers;
  int64_t run = int64_t{blockIdx.x} * kUpdateWorkers + threadIdx.x;
  FlatElements<Rule::kWritten, kWidth> elements;
  if (!settled) take_turn();
  int32_t step;
  float next_rate;
  unsigned arrival;
  if (is_worker && run < runs) elements.load_written(buffers, run);
  if (is_keeper) {
    step = *state.step;
    now = rule.at(step, *state.learning_rate);
    arrival = arrive(&state_readers);
    next_rate = schedule.at(step + 1);
  }
  __syncthreads();
  if (settled) take_turn();

  if (is_keeper && is_last(arrival)) {
    *state.step = step + 1;
    *state.learning_rate = next_rate;
  }
  if (!is_worker || run >= runs) return;
  elements.load_gradient(buffers, run);
  if (*state.diverged_at >= 0) return;
  const typename Rule::Scalars scalars = now;
  while (true) {
    elements.update(rule, scalars);
    elements.store(buffers, run);
    run += int64_t{gridDim.x} * kUpdateWorkers;
    if (run >= runs) return;
    elements.load_written(buffers, run);
    elements.load_gradient(buffers, run);
  }
}

template <int kWidth, class Rule>
void launch_flat_update(const char* name, const Rule& rule,
                        const FlatBuffers<Rule::kWritten>& buffers, int64_t runs,
                        ops::StepState& state, bool settled) {
  const int64_t most = int64_t{kUpdateBlocksPerMultiprocessor} * device_info().multiprocessors;
  const int64_t blocks = std::clamp<int64_t>((runs + kUpdateWorkers - 1) / kUpdateWorkers, 1, most);
  const StepPointers pointers{state.step.data<int32_t>(), state.learning_rate.data<float>(),
                              state.diverged_at.data<int32_t>()};
  launch_in_turn(name, flat_update_kernel<Rule, kWidth>,
                 {.grid = static_cast<unsigned>(blocks), .block = kUpdateThreads, .settles = true},
                 rule, buffers, runs, pointers, state.schedule, settled);
}

/// Whether the update may read all of these, and the step's state, before its turn.
inline bool are_settled(const ops::StepState& state, std::initializer_list<Tensor> written) {
  return is_settled(state.step) && is_settled(state.learning_rate) &&
         std::all_of(written.begin(), written.end(), is_settled);
}

/// Runs the rule over `count` elements, unless the state has diverged, and ends the step.
template <class Rule>
void flat_update(const char* name, const Rule& rule, const FlatBuffers<Rule::kWritten>& buffers,
                 int64_t count, ops::StepState& state, bool settled) {
  int64_t alignment = common_alignment({buffers.gradients});
  for (const float* written : buffers.written)
    alignment = std::min(alignment, common_alignment({written}));
  if (count % 4 == 0 && alignment == 16)
    launch_flat_update<4>(name, rule, buffers, count / 4, state, settled);
  else
    launch_flat_update<1>(name, rule, buffers, count, state, settled);
}

}  // namespace strata::cuda
