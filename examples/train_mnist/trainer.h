// What a run trains with, put together and tried.
#pragma once

#include <memory>
#include <string>

#include "examples/train_mnist/run.h"
#include "nn/captured_step.h"
#include "nn/flat_parameters.h"
#include "nn/init.h"
#include "nn/loader.h"
#include "nn/optimizer.h"
#include "nn/sequential.h"
#include "nn/training_step.h"

namespace strata::train_mnist {

std::unique_ptr<nn::Optimizer> make_optimizer(OptimizerKind kind, nn::FlatParameters& parameters);

/// Everything that a run trains with, for one batch size. The same seed builds the same bits.
class Trainer {
 public:
  Trainer(const Run& run, const nn::DeviceDataset& data, int64_t batch_size);

  /// Loads libraries and kernels, fills the pool and records the step, so that what cannot work is
  /// found, and said, before the header, and the clock of the training runs on training alone.
  void rehearse();

  /// Percent of the test images.
  double evaluate();

  nn::Module& model() { return *model_; }
  nn::FlatParameters& parameters() { return parameters_; }
  nn::TrainingStep& step() { return step_; }
  nn::CapturedStep& captured() { return captured_; }
  const std::string& layers() const { return layers_; }
  int64_t steps_per_epoch() const { return loader_.steps_per_epoch(); }
  int64_t batch_size() const { return loader_.batch_size(); }

 private:
  void rehearse_evaluation();

  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  nn::Loader loader_;
  nn::TrainingStep step_;
  nn::CapturedStep captured_;
  nn::DeviceImages test_;
  // Evaluation needs less memory than training on as many images, so it fits whatever trained.
  int64_t test_batch_ = std::min<int64_t>(1000, loader_.batch_size());
  std::string layers_;  // the summary: it runs the model, so it is made before memory is taken
};

/// The data set on the run's device. Throws `out_of_memory` when it alone needs too much.
nn::DeviceDataset upload(const Run& run);

/// A trainer that has rehearsed, which under --tune has measured the kernels. Throws
/// `out_of_memory` with the largest batch that would fit.
std::unique_ptr<Trainer> make_trainer(const Run& run, const nn::DeviceDataset& data);

}  // namespace strata::train_mnist
