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

/// Seconds a call, over blocks of calls.
Spread measure_calls(Device device, const std::function<void()>& call, const Blocks& blocks) {
  for (int i = 0; i < 2; ++i) call();
  std::function<void()> unit = call;
  double calls_per_unit = 1;
  if constexpr (kHasCuda) {
    if (device == Device::gpu) {
      cuda::synchronize();
      const auto graph = std::make_shared<gpu::CapturedCalls>(call, kCallsPerGraph);
      unit = [graph] { graph->launch(); };
      calls_per_unit = kCallsPerGraph;
    }
  }
  const auto block = [&](int64_t units) {
    return seconds_of(device, [&] {
      for (int64_t i = 0; i < units; ++i) unit();
    });
  };
  int64_t units = blocks.steps;
  if (units == 0) {
    block(1);
    units = std::max<int64_t>(1, std::llround(blocks.seconds / block(1)));
  }
  std::vector<double> seconds;
  for (int i = 0; i < blocks.repeats; ++i)
    seconds.push_back(block(units) / (static_cast<double>(units) * calls_per_unit));
  return spread_of(seconds);
}

}  // namespace

std::vector<OpResult> measure_op(const OpOfStep& op, Device device,
                                 const Configuration& configuration, const Blocks& blocks) {
  const SettingsScope scope(configuration.settings());
  const OpCase instance = op.make();
  OpResult result{.configuration = configuration,
                  .name = op.name,
                  .op = op.op,
                  .shapes = op.shapes,
                  .work = op.work.forward,
                  .seconds = measure_calls(
                      device, [&] { instance.forward(); }, blocks)};
  std::vector<OpResult> results{result};
  if (!instance.has_gradient) return results;

  // The node is asked directly: what a forward pass saved for it serves any number of calls.
  const Tensor output = instance.forward();
  const std::shared_ptr<Node> node = output.record()->producer;
  const Tensor grad_output = Tensor::full(output.shape(), 0.01, DType::float32, device);
  const NoGradScope no_grad;
  result.backward = true;
  result.work = op.work.backward;
  result.seconds = measure_calls(
      device, [&] { node->backward(grad_output); }, blocks);
  results.push_back(result);
  return results;
}

}  // namespace strata::bench
