#include "examples/train_mnist/training.h"

#include <algorithm>
#include <chrono>

#include "examples/train_mnist/interrupt.h"
#include "examples/train_mnist/progress.h"
#include "examples/train_mnist/report.h"
#include "examples/train_mnist/trainer.h"

namespace strata::train_mnist {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
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
  const std::unique_ptr<Trainer> trainer = make_trainer(run, data);
  if (const auto nodes = trainer->captured().nodes_per_step())
    results.capture = {*nodes, trainer->captured().steps_per_launch()};
  results.rehearsal_seconds = seconds_since(start);
  print_header(run, results, trainer->layers());

  Progress progress(run.options.quiet);
  for (int64_t epoch = 1; epoch <= run.options.epochs && !results.interrupted; ++epoch) {
    start = Clock::now();
    const int64_t steps = train_epoch(run, *trainer, epoch, progress);
    const nn::EpochMetrics metrics = trainer->step().read_metrics();  // waits for the device
    const double seconds = seconds_since(start);
    progress.clear();
    check_finite(*trainer, metrics);

    start = Clock::now();
    const double accuracy = trainer->evaluate();
    results.evaluation_seconds += seconds_since(start);
    finish_epoch(run, metrics, accuracy, steps, seconds, results, progress);
    if (results.interrupted)
      fmt::print("stopped by Ctrl-C after step {} of {} in epoch {}\n", steps,
                 trainer->steps_per_epoch(), epoch);
  }
  return results;
}

}  // namespace strata::train_mnist
