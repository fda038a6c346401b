#include "tools/bench/step.h"

#include <chrono>
#include <cmath>

#include "examples/train_mnist/models.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"
#include "tools/bench/ops.h"

namespace strata::bench {
namespace {

using Clock = std::chrono::steady_clock;

void wait_for(Device device) {
  if constexpr (kHasCuda)
    if (device == Device::gpu) cuda::synchronize();
}

/// Blocks of a model that is gone would hide what the next one needs. Returns the bytes still held.
size_t empty_the_pool(Device device) {
  wait_for(device);
  Pool& pool = pool_of(device);
  pool.trim();
  pool.reset_peak();
  return pool.report().total_in_use;
}

}  // namespace

StepBench::StepBench(const Data& data, const Configuration& configuration)
    : settings_(configuration.settings()),
      device_(data.device()),
      bytes_before_(empty_the_pool(device_)),
      builder_{.device = device_},
      model_(train_mnist::make_model(configuration.model, data.dataset, builder_,
                                     configuration.widths())),
      parameters_(*model_),
      optimizer_(parameters_, nn::AdamOptions{.beta1 = 0.7, .beta2 = 0.9}),
      loader_(data.on_device.train, {.batch_size = configuration.batch_size}),
      step_({.model = *model_,
             .parameters = parameters_,
             .optimizer = optimizer_,
             .loader = loader_,
             .schedule = nn::make_schedule(nn::ScheduleKind::constant, 1e-3, 1'000'000'000)}),
      captured_(step_, {.capture = configuration.launch == Launch::captured}) {
  for (int i = 0; i < 2; ++i) step_.run();
  wait_for(device_);
  pool_of(device_).reset_peak();  // what was only tried does not count
  step_.run();
  peak_bytes_ = pool_of(device_).report().peak_in_use - bytes_before_;
  captured_.rehearse();
}

void StepBench::run(int64_t steps) {
  captured_.run(steps);
  wait_for(device_);
}

double StepBench::time(int64_t steps) {
  const Clock::time_point start = Clock::now();
  run(steps);
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(steps);
}

std::vector<double> StepBench::measure(const Blocks& blocks) {
  const int64_t steps = steps_of_a_block(blocks);
  std::vector<double> seconds;
  for (int i = 0; i < blocks.repeats; ++i) seconds.push_back(time(steps));
  return seconds;
}

int64_t StepBench::steps_of_a_block(const Blocks& blocks) {
  if (blocks.steps > 0) {
    run(blocks.steps);
    return blocks.steps;
  }
  // Doubled until a quarter of a block is reached: this also brings the clocks up.
  for (int64_t steps = 1;; steps *= 2) {
    const Clock::time_point start = Clock::now();
    run(steps);
    const std::chrono::duration<double> taken = Clock::now() - start;
    if (taken.count() < blocks.seconds / 4) continue;
    const double wanted = blocks.seconds / taken.count() * static_cast<double>(steps);
    const int64_t unit = captured_.steps_per_launch();
    return (std::llround(std::ceil(wanted)) + unit - 1) / unit * unit;  // whole launches
  }
}

int64_t StepBench::parameter_count() const {
  int64_t count = 0;
  for (const auto& parameter : parameters_.parameters()) count += parameter.tensor->size();
  return count;
}

float StepBench::last_loss() const {
  const nn::EpochMetrics metrics = step_.read_metrics();
  return metrics.losses.empty() ? NAN : metrics.losses.back();
}

std::vector<StepResult> measure_step(const Data& data, const Configuration& configuration,
                                     const std::vector<int>& thread_counts, const Blocks& blocks) {
  StepBench step(data, configuration);
  StepResult common{.configuration = configuration,
                    .peak_bytes = step.peak_bytes(),
                    .parameters = step.parameter_count()};
  for (const OpOfStep& op : ops_of_step(data, configuration)) common.work.push_back(op.work);
  std::vector<StepResult> results(thread_counts.size(), common);
  std::vector<std::vector<double>> seconds(results.size());
  for (int block = 0; block < blocks.repeats; ++block)
    for (size_t i = 0; i < results.size(); ++i) {
      use_threads(thread_counts[i]);
      if (block == 0) results[i].steps = step.steps_of_a_block(blocks);
      if (results.size() > 1) step.run(1);  // starts the threads
      seconds[i].push_back(step.time(results[i].steps));
    }
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].configuration.threads = thread_counts[i];
    results[i].seconds = spread_of(seconds[i]);
    results[i].loss = step.last_loss();
    if (i > 0) results[i].speed_up = results[0].seconds.median / results[i].seconds.median;
  }
  return results;
}

}  // namespace strata::bench
