#include "nn/training_step.h"

#include <numeric>

#include "nn/divergence.h"
#include "ops/clip_norm.h"
#include "tensor/autograd.h"
#include "tensor/branch.h"
#include "tensor/trace.h"

namespace strata::nn {

double EpochMetrics::mean_loss() const {
  if (losses.empty()) return 0;
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

double EpochMetrics::accuracy() const {
  return images == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(images);
}

TrainingStep::TrainingStep(const TrainingParts& parts)
    : parts_(parts),
      state_(ops::first_step(parts.schedule, parts.parameters.device())),
      metrics_(ops::StepMetrics::of(parts.loader.steps_per_epoch(), parts.parameters.device())) {
  check(parts.loader.device() == parts.parameters.device(),
        "training: the model is on the {}, the data on the {}", parts.parameters.device(),
        parts.loader.device());
  check(parts.max_grad_norm >= 0, "training: max_grad_norm must be at least 0, got {}",
        parts.max_grad_norm);
  parts.model.set_step(state_.step);
  batch_ = parts.loader.batch(state_.step);
}

void TrainingStep::run() {
  queue();
  count(1);
}

void TrainingStep::queue() {
  const TraceScope step(TraceLayer::step, "training step");
  const ops::ClassificationLoss end = forward();
  {
    const TraceScope trace(TraceLayer::phase, "metrics");
    const Branch beside_backward;  // which joins it, and starts without the loss's value
    ops::record_metrics(end.logits, batch_.labels, end.losses, state_, metrics_);
  }
  {
    const TraceScope trace(TraceLayer::phase, "backward");
    backward(end.loss);
  }
  {
    const TraceScope trace(TraceLayer::phase, "next batch");
    parts_.loader.draw_next(state_.step, batch_);
  }
  update();
}

ops::ClassificationLoss TrainingStep::forward() {
  const TraceScope trace(TraceLayer::phase, "forward");
  parts_.parameters.zero_grad();
  return parts_.model.cross_entropy(batch_.images, batch_.labels);
}

void TrainingStep::update() {
  const TraceScope trace(TraceLayer::phase, "update");
  if (parts_.max_grad_norm > 0) ops::clip_norm(parts_.parameters.gradients(), parts_.max_grad_norm);
  parts_.optimizer.update(state_);
}

std::vector<Tensor> TrainingStep::state() const {
  std::vector<Tensor> state = {parts_.parameters.values(), state_.step,   state_.learning_rate,
                               state_.diverged_at,         batch_.images, batch_.labels};
  for (const Tensor& tensor : parts_.optimizer.state()) state.push_back(tensor);
  for (const NamedTensor& buffer : parts_.model.buffers()) state.push_back(*buffer.tensor);
  return state;
}

EpochMetrics TrainingStep::read_metrics() const {
  EpochMetrics metrics;
  metrics.diverged_at = state_.diverged_at.item<int32_t>();
  if (steps_done_ == 0) return metrics;
  const auto steps = static_cast<size_t>((steps_done_ - 1) % metrics_.losses.size() + 1);
  metrics.losses = metrics_.losses.to_vector<float>();
  metrics.losses.resize(steps);
  const std::vector<int32_t> correct = metrics_.correct.to_vector<int32_t>();
  metrics.correct = std::accumulate(correct.begin(), correct.begin() + steps, int64_t{0});
  metrics.images = static_cast<int64_t>(steps) * parts_.loader.batch_size();
  return metrics;
}

std::string TrainingStep::diagnose_divergence(int64_t step) {
  const Tensor at =
      Tensor::from(std::vector<int32_t>{static_cast<int32_t>(step)}, {1}, state_.device());
  parts_.model.set_step(at);
  std::string name = first_bad_tensor(parts_.model, parts_.parameters, parts_.loader.batch(at));
  parts_.model.set_step(state_.step);
  return name;
}

}  // namespace strata::nn
