// The training step of a model: what train_mnist repeats, from the choice of the batch to the
// update of the weights, timed from the host.
#pragma once

#include <memory>
#include <vector>

#include "nn/captured_step.h"
#include "nn/flat_parameters.h"
#include "nn/init.h"
#include "nn/optimizer.h"
#include "nn/sequential.h"
#include "nn/training_step.h"
#include "tools/bench/setup.h"
#include "tools/bench/statistics.h"
#include "tools/bench/work.h"

namespace strata::bench {

struct StepResult {
  Configuration configuration;
  Spread seconds = {};     // a step
  int64_t steps = 0;       // in a block
  size_t peak_bytes = 0;   // of the device's memory, the data set left out
  int64_t parameters = 0;  // numbers that are trained
  float loss = 0;          // of the last step
  /// Over the first of several numbers of threads.
  std::optional<double> speed_up = {};
  std::vector<OpWork> work = {};  // of its ops
};

/// A model in training. Adam with betas 0.7 and 0.9 and a constant learning rate of 0.001, as the
/// peers' in tools/peers.
class StepBench {
 public:
  /// Builds the model, runs it until nothing is loaded or allocated any more and, if the
  /// configuration says so, captures it. Throws `device` when its kernels cannot be used here.
  StepBench(const Data& data, const Configuration& configuration);

  /// Waits for them.
  void run(int64_t steps);
  /// Seconds a step of one block.
  double time(int64_t steps);
  /// Blocks of steps, timed; returns seconds a step, one a block.
  std::vector<double> measure(const Blocks& blocks);
  /// As many as make a block of `blocks`.
  int64_t steps_of_a_block(const Blocks& blocks);

  size_t peak_bytes() const { return peak_bytes_; }
  int64_t parameter_count() const;
  float last_loss() const;

 private:
  SettingsScope settings_;
  Device device_;
  size_t bytes_before_, peak_bytes_ = 0;
  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  nn::Adam optimizer_;
  nn::Loader loader_;
  nn::TrainingStep step_;
  nn::CapturedStep captured_;
};

/// One result for each number of threads, which take turns block by block: a machine that slows
/// slows for all. On a GPU the only number is 0.
std::vector<StepResult> measure_step(const Data& data, const Configuration& configuration,
                                     const std::vector<int>& thread_counts, const Blocks& blocks);

}  // namespace strata::bench
