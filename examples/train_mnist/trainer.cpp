#include "examples/train_mnist/trainer.h"

#include <algorithm>
#include <utility>

#include "examples/train_mnist/models.h"
#include "nn/evaluate.h"
#include "nn/summary.h"
#include "ops/tuning.h"
#include "tensor/pool.h"

namespace strata::train_mnist {
namespace {

std::unique_ptr<Trainer> make_rehearsed_trainer(const Run& run, const nn::DeviceDataset& data,
                                                int64_t batch_size) {
  auto trainer = std::make_unique<Trainer>(run, data, batch_size);
  trainer->rehearse();
  return trainer;
}

bool fits(const Run& run, const nn::DeviceDataset& data, int64_t batch_size) {
  pool_of(run.device).trim();
  try {
    make_rehearsed_trainer(run, data, batch_size);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    return false;
  }
}

/// By bisection, to within a sixteenth; 0 when not even one image fits.
int64_t largest_batch_that_fits(const Run& run, const nn::DeviceDataset& data) {
  int64_t too_large = run.options.batch_size, fitting = too_large / 2;
  while (fitting > 0 && !fits(run, data, fitting)) {
    too_large = fitting;
    fitting /= 2;
  }
  while (too_large - fitting > std::max<int64_t>(1, fitting / 16)) {
    const int64_t middle = fitting + (too_large - fitting) / 2;
    (fits(run, data, middle) ? fitting : too_large) = middle;
  }
  return fitting;
}

std::unique_ptr<Trainer> make_trainer_or_explain(const Run& run, const nn::DeviceDataset& data) {
  try {
    return make_rehearsed_trainer(run, data, run.options.batch_size);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    tuner().finish();  // what fits does not depend on what is fast
    const int64_t batch = largest_batch_that_fits(run, data);
    const std::string advice =
        batch == 0 ? "not even one image a batch fits"
                   : fmt::format("the largest batch that fits is about {}: use --batch-size {}",
                                 batch, batch);
    fail(ErrorKind::out_of_memory, "{}; {}", error.what(), advice);
  }
}

/// Under --tune the rehearsals have measured the kernels.
void finish_tuning(const Run& run) {
  if (!tuner().measuring()) return;
  tuner().finish();
  pool_of(run.device).trim();  // of the workspaces of kernels that were not taken
}

}  // namespace

std::unique_ptr<nn::Optimizer> make_optimizer(OptimizerKind kind, nn::FlatParameters& parameters) {
  if (kind == OptimizerKind::sgd)
    return std::make_unique<nn::SGD>(parameters,
                                     ops::SgdOptions{.momentum = 0.9, .nesterov = true});
  // Gradients of a few hundred steps change fast: both averages are shorter than the usual ones.
  return std::make_unique<nn::Adam>(parameters, nn::AdamOptions{.beta1 = 0.7, .beta2 = 0.9});
}

Trainer::Trainer(const Run& run, const nn::DeviceDataset& data, int64_t batch_size)
    : builder_{.device = run.device, .seed = run.options.seed},
      model_(make_model(run.options.model, run.dataset, builder_)),
      parameters_(*model_),
      optimizer_(make_optimizer(run.options.optimizer, parameters_)),
      loader_(data.train, {.batch_size = batch_size, .seed = run.options.seed}),
      step_({.model = *model_,
             .parameters = parameters_,
             .optimizer = *optimizer_,
             .loader = loader_,
             .schedule = nn::make_schedule(run.options.schedule, run.learning_rate,
                                           run.options.epochs * loader_.steps_per_epoch())}),
      captured_(step_,
                {.capture = run.options.graph, .steps_per_launch = run.options.steps_per_launch}),
      test_(data.test),
      layers_(nn::summary(*model_, {run.dataset.height, run.dataset.width, run.dataset.channels})) {
}

void Trainer::rehearse() {
  captured_.rehearse();
  if (step_.device() == Device::gpu) rehearse_evaluation();
}

double Trainer::evaluate() {
  const ArenaScope memory(captured_.memory());
  return 100 * nn::evaluate(*model_, test_, test_batch_);
}

/// A GPU is worth trying with many images at a time.
void Trainer::rehearse_evaluation() {
  const int64_t safe = std::exchange(test_batch_, std::min<int64_t>(2000, test_.count()));
  try {
    evaluate();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    test_batch_ = safe;
    evaluate();
  }
}

nn::DeviceDataset upload(const Run& run) {
  try {
    return nn::DeviceDataset(run.dataset, run.device);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    fail(ErrorKind::out_of_memory, "{}; the data set alone needs more than there is", error.what());
  }
}

std::unique_ptr<Trainer> make_trainer(const Run& run, const nn::DeviceDataset& data) {
  std::unique_ptr<Trainer> trainer = make_trainer_or_explain(run, data);
  finish_tuning(run);
  return trainer;
}

}  // namespace strata::train_mnist
