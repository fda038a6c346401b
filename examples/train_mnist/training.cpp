#include "examples/train_mnist/training.h"

#include <algorithm>
#include <chrono>

#include "examples/train_mnist/interrupt.h"
#include "examples/train_mnist/models.h"
#include "examples/train_mnist/progress.h"
#include "examples/train_mnist/report.h"
#include "nn/captured_step.h"
#include "nn/evaluate.h"
#include "nn/flat_parameters.h"
#include "nn/loader.h"
#include "nn/optimizer.h"
#include "nn/training_step.h"
#include "ops/tuning.h"
#include "tensor/pool.h"

namespace strata::train_mnist {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::unique_ptr<nn::Optimizer> make_optimizer(OptimizerKind kind, nn::FlatParameters& parameters) {
  if (kind == OptimizerKind::sgd)
    return std::make_unique<nn::SGD>(parameters,
                                     ops::SgdOptions{.momentum = 0.9, .nesterov = true});
  // Gradients of a few hundred steps change fast: both averages are shorter than the usual ones.
  return std::make_unique<nn::Adam>(parameters, nn::AdamOptions{.beta1 = 0.7, .beta2 = 0.9});
}

/// Everything that a run trains with, for one batch size. The same seed builds the same bits.
class Trainer {
 public:
  Trainer(const Run& run, const nn::DeviceDataset& data, int64_t batch_size)
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
        captured_(step_, {.capture = run.options.graph,
                          .steps_per_launch = run.options.steps_per_launch}) {}

  nn::Module& model() { return *model_; }
  nn::TrainingStep& step() { return step_; }
  nn::CapturedStep& captured() { return captured_; }
  int64_t steps_per_epoch() const { return loader_.steps_per_epoch(); }
  int64_t batch_size() const { return loader_.batch_size(); }

 private:
  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  nn::Loader loader_;
  nn::TrainingStep step_;
  nn::CapturedStep captured_;
};

/// A trainer that has rehearsed: libraries and kernels are loaded, the pool is filled and the step
/// recorded, so that what cannot work is found, and said, before the header, and the clock of the
/// training runs on training alone.
std::unique_ptr<Trainer> make_trainer(const Run& run, const nn::DeviceDataset& data,
                                      int64_t batch_size) {
  auto trainer = std::make_unique<Trainer>(run, data, batch_size);
  trainer->captured().rehearse();
  return trainer;
}

bool fits(const Run& run, const nn::DeviceDataset& data, int64_t batch_size) {
  pool_of(run.device).trim();
  try {
    make_trainer(run, data, batch_size);
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
    return make_trainer(run, data, run.options.batch_size);
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

/// How many test images go through the model at once. Evaluation needs less memory than training on
/// as many images, so what trained fits; a GPU is worth trying with more, once, before the clock
/// runs.
int64_t rehearse_evaluation(const Run& run, Trainer& trainer, const nn::DeviceImages& test) {
  constexpr int64_t kOnCpu = 1000, kOnGpu = 2000;
  const int64_t safe = std::min(kOnCpu, trainer.batch_size());
  if (run.device == Device::cpu) return safe;
  const int64_t batch = std::min(kOnGpu, test.count());
  try {
    nn::evaluate(trainer.model(), test.slice(0, batch), batch);
    return batch;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    return safe;
  }
}

/// Under --tune the rehearsals have measured the kernels.
void finish_tuning(const Run& run) {
  if (!tuner().measuring()) return;
  tuner().finish();
  pool_of(run.device).trim();  // of the workspaces of kernels that were not taken
}

nn::DeviceDataset upload(const Run& run) {
  try {
    return nn::DeviceDataset(run.dataset, run.device);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::out_of_memory) throw;
    fail(ErrorKind::out_of_memory, "{}; the data set alone needs more than there is", error.what());
  }
}

void check_finite(Trainer& trainer, const nn::EpochMetrics& metrics) {
  if (metrics.diverged_at < 0) return;
  fail(ErrorKind::diverged,
       "training diverged: the loss of step {} is not finite; first to go wrong: {}; try a lower "
       "--lr",
       metrics.diverged_at, trainer.step().diagnose_divergence(metrics.diverged_at));
}

/// The steps of one epoch, with looks at the metrics in between when there is a bar to show them.
/// Returns the steps done: fewer than an epoch's after Ctrl-C.
int64_t train_epoch(const Run& run, Trainer& trainer, int64_t epoch, Progress& progress) {
  const Clock::time_point start = Clock::now();
  const int64_t steps = trainer.steps_per_epoch();
  const int64_t at_a_time = trainer.captured().steps_per_launch();
  for (int64_t step = 0; step < steps;) {
    const int64_t next = std::min(at_a_time, steps - step);
    trainer.captured().run(next);
    step += next;
    if (interrupted) return step;
    if (!progress.due()) continue;
    const nn::EpochMetrics metrics = trainer.step().read_metrics();
    check_finite(trainer, metrics);
    const double rate = static_cast<double>(step) / seconds_since(start);
    const int64_t steps_left = (run.options.epochs - epoch) * steps + steps - step;
    progress.show({.epoch = epoch,
                   .epochs = run.options.epochs,
                   .step = step,
                   .steps = steps,
                   .loss = metrics.mean_loss(),
                   .accuracy = 100 * metrics.accuracy(),
                   .images_per_second = rate * static_cast<double>(trainer.batch_size()),
                   .seconds_left = static_cast<double>(steps_left) / rate});
  }
  return steps;
}

/// Books the epoch and says what it came to.
void finish_epoch(const Run& run, const nn::EpochMetrics& metrics, double test_accuracy,
                  int64_t steps, double seconds, Results& results, Progress& progress) {
  results.steps += steps;
  results.train_seconds += seconds;
  results.loss_per_epoch.push_back(metrics.mean_loss());
  results.test_accuracy_per_epoch.push_back(test_accuracy);
  results.interrupted = interrupted;
  progress.finish_epoch(
      {.epoch = static_cast<int64_t>(results.loss_per_epoch.size()),
       .epochs = run.options.epochs,
       .loss = metrics.mean_loss(),
       .train_accuracy = 100 * metrics.accuracy(),
       .test_accuracy = test_accuracy,
       .seconds = seconds,
       .images_per_second = static_cast<double>(steps * run.options.batch_size) / seconds});
}

}  // namespace

Results train(const Run& run) {
  Results results;
  Clock::time_point start = Clock::now();
  const nn::DeviceDataset data = upload(run);
  results.upload_seconds = seconds_since(start);
  start = Clock::now();
  const std::unique_ptr<Trainer> trainer = make_trainer_or_explain(run, data);
  const int64_t test_batch = rehearse_evaluation(run, *trainer, data.test);
  finish_tuning(run);
  if (const auto nodes = trainer->captured().nodes_per_step())
    results.capture = {*nodes, trainer->captured().steps_per_launch()};
  results.rehearsal_seconds = seconds_since(start);
  print_header(run, results, trainer->model());

  Progress progress(run.options.quiet);
  for (int64_t epoch = 1; epoch <= run.options.epochs && !results.interrupted; ++epoch) {
    start = Clock::now();
    const int64_t steps = train_epoch(run, *trainer, epoch, progress);
    const nn::EpochMetrics metrics = trainer->step().read_metrics();  // waits for the device
    const double seconds = seconds_since(start);
    progress.clear();
    check_finite(*trainer, metrics);

    start = Clock::now();
    const double accuracy = 100 * nn::evaluate(trainer->model(), data.test, test_batch);
    results.evaluation_seconds += seconds_since(start);
    finish_epoch(run, metrics, accuracy, steps, seconds, results, progress);
    if (results.interrupted)
      fmt::print("stopped by Ctrl-C after step {} of {} in epoch {}\n", steps,
                 trainer->steps_per_epoch(), epoch);
  }
  return results;
}

}  // namespace strata::train_mnist
