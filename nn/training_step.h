// One training step, written so that it can be captured as a CUDA graph (captured_step.h): after
// the first two runs it asks the memory pool for nothing new, and it never waits for the device.
// What changes between steps is in device memory (ops/step_state.h), and so is what it leaves to be
// read.
#pragma once

#include <string>
#include <vector>

#include "nn/loader.h"
#include "nn/module.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "ops/record_metrics.h"

namespace strata::nn {

/// What a step works on. All must outlive it.
struct TrainingParts {
  Module& model;
  FlatParameters& parameters;  // of the model
  Optimizer& optimizer;        // of these parameters
  const Loader& loader;
  Schedule schedule;
  double max_grad_norm = 0;  // gradients are clipped to this norm; 0: they are not
};

/// The steps of the epoch under way, or of the one that has just ended.
struct EpochMetrics {
  std::vector<float> losses;  // one per step
  int64_t correct = 0;        // right answers while training
  int64_t images = 0;         // answers
  int64_t diverged_at = -1;   // the first step of all whose loss was not finite; -1: none

  /// 0 before the first step.
  double mean_loss() const;
  double accuracy() const;
};

class TrainingStep {
 public:
  /// Throws `invalid_argument` when model and data are on different devices or max_grad_norm is
  /// neither 0 nor above.
  explicit TrainingStep(const TrainingParts& parts);

  /// Forward, loss, metrics, backward, the next step's batch, clipping, update. The loss is the
  /// mean cross-entropy of the model's outputs, taken as logits. Once a loss is not finite, weights
  /// stay as they are.
  void run();

  /// The work of run(), not counted as a step: to record it, or for a trial.
  void queue();
  /// Counts steps that were done by launching a recording of queue().
  void count(int64_t steps) { steps_done_ += steps; }
  /// All that a step changes and a later one reads. Copies of these, put back, undo steps.
  std::vector<Tensor> state() const;

  Device device() const { return state_.device(); }
  int64_t steps_done() const { return steps_done_; }
  /// Waits for the device.
  EpochMetrics read_metrics() const;

  /// After a loss that was not finite at `step`: runs the step's forward and backward pass again on
  /// the frozen weights and says what the first tensor that is not finite is, parameters first,
  /// then outputs of layers in order, the loss, gradients: "output of conv2 (Conv2D 3x3 -> 32)".
  std::string diagnose_divergence(int64_t step);

 private:
  ops::ClassificationLoss forward();
  void update();

  TrainingParts parts_;
  ops::StepState state_;
  ops::StepMetrics metrics_;
  Batch batch_;  // of the next step, drawn as soon as backward has read this one's
  int64_t steps_done_ = 0;
};

}  // namespace strata::nn
