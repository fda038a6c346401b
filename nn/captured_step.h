// The training step, recorded once and launched as a whole: on the GPU several steps in one CUDA
// graph, on the CPU the step as it is. The numbers are the same bits either way.
#pragma once

#include <memory>
#include <optional>

#include "nn/training_step.h"
#include "tensor/recording.h"

namespace strata::nn {

struct CaptureOptions {
  bool capture = true;            // false: every step is queued kernel by kernel, also on the GPU
  int64_t steps_per_launch = 10;  // recorded one after another in a graph
};

class CapturedStep {
 public:
  /// `step` must outlive this object. Throws `invalid_argument` unless steps_per_launch >= 1.
  explicit CapturedStep(TrainingStep& step, const CaptureOptions& options = {});
  ~CapturedStep();

  /// Runs two steps, which loads libraries and kernels and fills the memory pool, records the graph
  /// of one step, and leaves everything as it was. What cannot work is found here; waits for the
  /// device. Called by the first run() unless it was called before.
  void rehearse();

  /// Queues steps, several a launch where they are captured; waits only to keep the host from being
  /// far ahead of the device. Steps left over by the launches are launched one by one.
  void run(int64_t steps);

  /// How many steps at a time are worth asking for between looks at the clock.
  int64_t steps_per_launch() const { return one_ ? options_.steps_per_launch : 1; }
  /// Kernels, copies and fills of one step's graph; nothing when steps are not captured.
  std::optional<int64_t> nodes_per_step() const;
  /// What the graphs write to, null without graphs. Work between launches may use it in an
  /// ArenaScope, such as an evaluation, which then needs little memory of its own.
  const std::shared_ptr<Arena>& memory() const { return memory_; }

 private:
  void record();
  void launch(const Recording& recording, int64_t steps);

  TrainingStep& step_;
  CaptureOptions options_;
  bool rehearsed_ = false;
  std::shared_ptr<Arena> memory_;
  std::unique_ptr<Recording> one_, several_;
  RunAhead run_ahead_;
  int64_t unmarked_ = 0;  // steps launched since the last mark
};

}  // namespace strata::nn
