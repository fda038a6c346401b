#include "nn/captured_step.h"

namespace strata::nn {
namespace {

// After these steps each kernel has run, each plan is made, and the pool holds what a step needs.
constexpr int kTrialSteps = 2;

// The host is ahead by at most this many marks of this many steps: enough to keep the device busy
// while the host looks at the clock or writes a line, and soon over after Ctrl-C.
constexpr int kMarks = 4;
constexpr int64_t kStepsPerMark = 10;

/// Puts tensors back as they were at the start.
class Undo {
 public:
  explicit Undo(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
    for (const Tensor& tensor : tensors_) copies_.push_back(tensor.clone());
  }
  void put_back() {
    for (size_t i = 0; i < tensors_.size(); ++i) tensors_[i].copy_from(copies_[i]);
  }

 private:
  std::vector<Tensor> tensors_, copies_;
};

}  // namespace

CapturedStep::CapturedStep(TrainingStep& step, const CaptureOptions& options)
    : step_(step), options_(options), run_ahead_(step.device(), kMarks) {
  check(options.steps_per_launch >= 1, "CapturedStep: steps_per_launch must be at least 1, got {}",
        options.steps_per_launch);
  if (options.capture && step.device() == Device::gpu)
    memory_ = std::make_shared<Arena>(pool_of(Device::gpu));
}

CapturedStep::~CapturedStep() = default;

void CapturedStep::rehearse() {
  if (rehearsed_) return;
  Undo undo(step_.state());
  {
    const ArenaScope memory(memory_);
    for (int i = 0; i < kTrialSteps; ++i) step_.queue();
    if (memory_) record();
  }
  undo.put_back();
  step_.read_metrics();  // waits: what a kernel did wrong is said now
  rehearsed_ = true;
}

void CapturedStep::record() {
  one_ = std::make_unique<Recording>(step_.device(), [this] { step_.queue(); });
  if (options_.steps_per_launch == 1) return;
  several_ = std::make_unique<Recording>(step_.device(), [this] {
    for (int64_t i = 0; i < options_.steps_per_launch; ++i) step_.queue();
  });
}

void CapturedStep::run(int64_t steps) {
  rehearse();
  if (!one_) {
    for (int64_t i = 0; i < steps; ++i) {
      step_.run();
      if (++unmarked_ % kStepsPerMark == 0) run_ahead_.mark();
    }
    return;
  }
  int64_t left = steps;
  for (; several_ && left >= options_.steps_per_launch; left -= options_.steps_per_launch)
    launch(*several_, options_.steps_per_launch);
  for (; left > 0; --left) launch(*one_, 1);
}

void CapturedStep::launch(const Recording& recording, int64_t steps) {
  recording.launch();
  step_.count(steps);
  unmarked_ += steps;
  if (unmarked_ < kStepsPerMark) return;
  run_ahead_.mark();
  unmarked_ = 0;
}

std::optional<int64_t> CapturedStep::nodes_per_step() const {
  return one_ ? std::optional(one_->nodes()) : std::nullopt;
}

}  // namespace strata::nn
