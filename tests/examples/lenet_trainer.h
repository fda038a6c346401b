// The training of train_mnist in small: lenet with Adam on digits that the program draws.
#pragma once

#include <memory>
#include <vector>

#include "examples/train_mnist/models.h"
#include "nn/digits.h"
#include "nn/flat_parameters.h"
#include "nn/loader.h"
#include "nn/optimizer.h"
#include "nn/training_step.h"

namespace strata::test {

class LenetTrainer {
 public:
  explicit LenetTrainer(Device device)
      : dataset_(nn::draw_digits({.seed = 3, .train_count = 320, .test_count = 10})),
        data_(dataset_, device),
        builder_{.device = device, .seed = 5},
        model_(train_mnist::make_model(train_mnist::ModelKind::lenet, dataset_, builder_)),
        parameters_(*model_),
        optimizer_(parameters_),
        loader_(data_.train, {.batch_size = 32, .seed = 5}),
        step_({.model = *model_,
               .parameters = parameters_,
               .optimizer = optimizer_,
               .loader = loader_,
               .schedule = nn::make_schedule(nn::ScheduleKind::one_cycle, 0.005, 40)}) {}

  nn::TrainingStep& step() { return step_; }
  const Tensor& weights() { return parameters_.values(); }

  /// The losses of the steps of the epoch so far: ten steps are an epoch.
  std::vector<float> losses_of(int steps) {
    for (int i = 0; i < steps; ++i) step_.run();
    return step_.read_metrics().losses;
  }

 private:
  nn::Dataset dataset_;
  nn::DeviceDataset data_;
  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  nn::Adam optimizer_;
  nn::Loader loader_;
  nn::TrainingStep step_;
};

}  // namespace strata::test
