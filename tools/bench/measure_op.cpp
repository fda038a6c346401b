#include <chrono>
#include <cmath>

#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tools/bench/gpu.h"
#include "tools/bench/ops.h"

namespace strata::bench {
namespace {

constexpr int kCallsPerGraph = 40;  // enough to hide the graph's own start

double seconds_of(Device device, const std::function<void()>& work) {
  if constexpr (kHasCuda)
    if (device == Device::gpu) return gpu::seconds_between_events(work);
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Calls of one function in blocks of one length.
class Calls {
 public:
  Calls(Device device, std::function<void()> call, const Blocks& blocks)
      : device_(device), unit_(std::move(call)) {
    for (int i = 0; i < 2; ++i) unit_();
    if constexpr (kHasCuda) {
      if (device == Device::gpu) {
        cuda::synchronize();
        const auto graph = std::make_shared<gpu::CapturedCalls>(unit_, kCallsPerGraph);
        unit_ = [graph] { graph->launch(); };
        calls_per_unit_ = kCallsPerGraph;
      }
    }
    units_ = blocks.steps;
    if (units_ > 0) return;
    seconds_of_units(1);
    units_ = std::max<int64_t>(1, std::llround(blocks.seconds / seconds_of_units(1)));
  }

  /// Seconds a call in one block.
  double measure() const {
    return seconds_of_units(units_) / (static_cast<double>(units_) * calls_per_unit_);
  }

 private:
  double seconds_of_units(int64_t units) const {
    return seconds_of(device_, [&] {
      for (int64_t i = 0; i < units; ++i) unit_();
    });
  }

  Device device_;
  std::function<void()> unit_;  // one call, or one graph of several
  double calls_per_unit_ = 1;
  int64_t units_ = 0;  // in a block
};

struct PassSeconds {
  std::vector<double> forward, backward;  // a call, one a block
};

PassSeconds measure_forward(const OpCase& op, Device device, const Blocks& blocks) {
  const Calls forward(
      device, [&] { op.forward(); }, blocks);
  PassSeconds seconds;
  for (int i = 0; i < blocks.repeats; ++i) seconds.forward.push_back(forward.measure());
  return seconds;
}

// All tensors that last are made before the first graph is recorded: what a graph works in goes
// back to the pool, and is written to by every replay.
PassSeconds measure_both_passes(const OpCase& op, Device device, const Blocks& blocks) {
  const Tensor grad_output = Tensor::full(op.forward().shape(), 0.01, DType::float32, device);
  const auto forward_and_backward = [&] {
    for (const Tensor& leaf : op.leaves) zero_grad(leaf);
    backward(op.forward(), grad_output);
  };
  const Calls both(device, forward_and_backward, blocks);
  const Calls forward(
      device, [&] { op.forward(); }, blocks);
  PassSeconds seconds;
  for (int i = 0; i < blocks.repeats; ++i) {
    seconds.forward.push_back(forward.measure());
    seconds.backward.push_back(both.measure() - seconds.forward.back());
  }
  return seconds;
}

}  // namespace

std::vector<OpResult> measure_op(const OpOfStep& op, Device device,
                                 const Configuration& configuration, const Blocks& blocks) {
  const SettingsScope scope(configuration.settings());
  const OpCase instance = op.make();
  const PassSeconds seconds = instance.leaves.empty()
                                  ? measure_forward(instance, device, blocks)
                                  : measure_both_passes(instance, device, blocks);
  OpResult result{.configuration = configuration,
                  .name = op.name,
                  .op = op.op,
                  .shapes = op.shapes,
                  .work = op.work.forward,
                  .seconds = spread_of(seconds.forward)};
  std::vector<OpResult> results{result};
  if (seconds.backward.empty()) return results;
  result.backward = true;
  result.work = op.work.backward;
  result.seconds = spread_of(seconds.backward);
  results.push_back(result);
  return results;
}

}  // namespace strata::bench
