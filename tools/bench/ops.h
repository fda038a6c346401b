// The ops of a training step one by one, at the step's shapes, forward and backward by themselves.
//
// An op is called again and again on the same tensors, on a GPU from a CUDA graph, so a call costs
// its kernels and the graph's nodes and nothing else. Its inputs stay in the L2 cache where they
// fit, as they mostly do in a step, in which the op before has just written them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/setup.h"
#include "tools/bench/statistics.h"
#include "tools/bench/work.h"

namespace strata::bench {

/// One op with inputs of its own.
struct OpCase {
  /// Runs the op; the result is undefined where it works in place.
  std::function<Tensor()> forward;
  std::vector<Tensor> leaves = {};  // that receive gradients; empty: the op has none
};

struct OpOfStep {
  std::string name;    // "conv1"
  std::string op;      // "conv2d_relu_max_pool"
  std::string shapes;  // "256x28x28x1 * 24x5x5x1"
  OpWork work;
  std::function<OpCase()> make;  // allocates its tensors
};

/// Numbers from -0.5 to 0.5, the same each time.
Tensor random_tensor(const Shape& shape, Device device);

/// In the order of the step.
std::vector<OpOfStep> ops_of_step(const Data& data, const Configuration& configuration);

struct OpResult {
  Configuration configuration;
  std::string name, op, shapes;
  bool backward = false;
  Work work;
  Spread seconds;  // a call
};

/// Calls in blocks of one length; seconds a call, one a block. On a GPU in a CUDA graph.
std::vector<double> seconds_of_calls(Device device, const std::function<void()>& call,
                                     const Blocks& blocks);

/// Its forward pass and, if it has a gradient, its backward pass.
std::vector<OpResult> measure_op(const OpOfStep& op, Device device,
                                 const Configuration& configuration, const Blocks& blocks);

}  // namespace strata::bench
