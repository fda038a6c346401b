#include <chrono>
#include <cmath>

#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/recording.h"
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
  Calls(Device device, const std::function<void()>& call, const Blocks& blocks)
      : device_(device),
        calls_a_launch_(device == Device::gpu ? kCallsPerGraph : 1),
        unit_(record(device, call, calls_a_launch_)),
        launches_(blocks.steps) {
    if (launches_ > 0) return;
    seconds_of_launches(1);
    launches_ = std::max<int64_t>(1, std::llround(blocks.seconds / seconds_of_launches(1)));
  }

  /// Seconds a call in one block.
  double measure() const {
    return seconds_of_launches(launches_) / static_cast<double>(launches_ * calls_a_launch_);
  }

 private:
  static Recording record(Device device, const std::function<void()>& call, int calls) {
    for (int i = 0; i < 2; ++i) call();
    return Recording(device, [=] {
      for (int i = 0; i < calls; ++i) call();
    });
  }

  double seconds_of_launches(int64_t launches) const {
    return seconds_of(device_, [&] {
      for (int64_t i = 0; i < launches; ++i) unit_.launch();
    });
  }

  Device device_;
  int calls_a_launch_;
  Recording unit_;
  int64_t launches_;  // a block
};

struct PassSeconds {
  std::vector<double> forward, backward;  // a call, one a block
};

PassSeconds measure_both_passes(const OpCase& op, Device device, const Blocks& blocks) {
  const Shape shape = op.forward().shape();
  const bool is_loss = shape.rank() == 0;  // from which backward() starts by itself
  const Tensor grad_output = is_loss ? Tensor() : Tensor::full(shape, 0.01, DType::float32, device);
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

std::vector<double> seconds_of_calls(Device device, const std::function<void()>& call,
                                     const Blocks& blocks) {
  const Calls calls(device, call, blocks);
  std::vector<double> seconds;
  for (int i = 0; i < blocks.repeats; ++i) seconds.push_back(calls.measure());
  return seconds;
}

std::vector<OpResult> measure_op(const OpOfStep& op, Device device,
                                 const Configuration& configuration, const Blocks& blocks) {
  const SettingsScope scope(configuration.settings());
  const OpCase instance = op.make();
  const PassSeconds seconds = instance.leaves.empty()
                                  ? PassSeconds{.forward = seconds_of_calls(
                                                    device, [&] { instance.forward(); }, blocks),
                                                .backward = {}}
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
