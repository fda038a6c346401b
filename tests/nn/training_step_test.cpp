#include "nn/training_step.h"

#include <cmath>
#include <limits>

#include "nn/activations.h"
#include "nn/conv2d.h"
#include "nn/dense.h"
#include "nn/evaluate.h"
#include "nn/pool2d.h"
#include "nn/sequential.h"
#include "tensor/pool.h"
#include "tensor/random.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

/// Images of 8x8 whose bright half (upper, lower, left) is their class, in noise.
nn::Dataset halves(int64_t count) {
  nn::Dataset dataset;
  dataset.name = "halves";
  dataset.height = 8;
  dataset.width = 8;
  dataset.channels = 1;
  dataset.classes = 3;
  uint64_t index = 0;
  for (nn::ImageSet* set : {&dataset.train, &dataset.test}) {
    set->count = count;
    for (int64_t i = 0; i < count; ++i) {
      const int label = static_cast<int>(i % 3);
      set->labels.push_back(static_cast<uint8_t>(label));
      for (int pixel = 0; pixel < 64; ++pixel) {
        const int row = pixel / 8, column = pixel % 8;
        const bool bright = label == 0 ? row < 4 : label == 1 ? row >= 4 : column < 4;
        const float noise = random_uniform(9, 0, index++);
        set->images.push_back(static_cast<uint8_t>((bright ? 130 : 20) + 100 * noise));
      }
    }
  }
  return dataset;
}

struct Options {
  uint64_t seed = 1;
  int64_t batch_size = 15;
  double rate = 0.01;
  double max_grad_norm = 0;
  bool sgd = false;
};

/// A small network with every kind of layer of lenet, and all that trains it.
struct Training {
  nn::Builder builder;
  nn::Sequential model;
  nn::DeviceDataset data;
  nn::FlatParameters parameters;
  nn::Adam adam;
  nn::SGD sgd;
  nn::Loader loader;
  nn::TrainingStep step;

  Training(Device device, const Options& options, const nn::Dataset& dataset = halves(60))
      : builder{.device = device, .seed = options.seed},
        data(dataset, device),
        parameters(build()),
        adam(parameters),
        sgd(parameters, {.momentum = 0.9}),
        loader(data.train, {.batch_size = options.batch_size, .seed = options.seed}),
        step({.model = model,
              .parameters = parameters,
              .optimizer = options.sgd ? static_cast<nn::Optimizer&>(sgd) : adam,
              .loader = loader,
              .schedule = {.peak = options.rate},
              .max_grad_norm = options.max_grad_norm}) {}

  nn::Module& build() {
    model.add_named<nn::Conv2D>("conv1", builder, 1, 4, ops::Extent2d{3, 3})
        .add_named<nn::MaxPool2D>("pool")
        .add_named<nn::ReLU>("relu")
        .add_named<nn::Conv2D>("conv2", builder, 4, 4, ops::Extent2d{2, 2})
        .add_named<nn::Flatten>("flatten")
        .add_named<nn::Dense>("dense", builder, 16, 3);
    return model;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step.run();
  }
};

class TrainingStepTest : public RungTest {};
STRATA_ON_EVERY_RUNG(TrainingStepTest);

TEST_P(TrainingStepTest, LearnsAndReportsIt) {
  Training training(device(), {});
  EXPECT_EQ(training.step.read_metrics().losses.size(), 0u);
  training.run(4);
  const nn::EpochMetrics first = training.step.read_metrics();
  training.run(4 * 14);
  const nn::EpochMetrics last = training.step.read_metrics();
  ASSERT_EQ(first.losses.size(), 4u);
  ASSERT_EQ(last.losses.size(), 4u);
  EXPECT_EQ(last.images, 60);
  EXPECT_EQ(last.diverged_at, -1);
  EXPECT_LT(last.mean_loss(), 0.2 * first.mean_loss());
  EXPECT_GT(last.accuracy(), 0.95);
  EXPECT_GT(nn::evaluate(training.model, training.data.test, 7), 0.95);
  EXPECT_EQ(training.step.steps_done(), 60);
}

TEST_P(TrainingStepTest, MetricsAreOfTheEpochUnderWay) {
  Training training(device(), {});
  training.run(6);
  const nn::EpochMetrics metrics = training.step.read_metrics();
  EXPECT_EQ(metrics.losses.size(), 2u);
  EXPECT_EQ(metrics.images, 30);
  EXPECT_LE(metrics.correct, 30);
}

TEST_P(TrainingStepTest, AllocatesNothingAfterTheSecondRun) {
  Training training(device(), {.max_grad_norm = 1});
  training.run(2);
  const size_t before = pool_of(device()).report().system_allocations;
  training.run(6);
  EXPECT_EQ(pool_of(device()).report().system_allocations, before);
}

TEST_P(TrainingStepTest, TheSameSeedGivesTheSameBits) {
  Training one(device(), {.seed = 5}), same(device(), {.seed = 5}), other(device(), {.seed = 6});
  for (Training* training : {&one, &same, &other}) training->run(8);
  EXPECT_TRUE(identical(one.parameters.values(), same.parameters.values()));
  EXPECT_FALSE(identical(one.parameters.values(), other.parameters.values()));
}

// SGD without momentum would move by at most rate * norm; with it, 1 / (1 - 0.9) of that.
TEST_P(TrainingStepTest, ClippingBoundsTheStep) {
  Training training(device(), {.rate = 1, .max_grad_norm = 1e-3, .sgd = true});
  const std::vector<double> before = values_of(training.parameters.values());
  training.run(1);
  const std::vector<double> after = values_of(training.parameters.values());
  double sum = 0;
  for (size_t i = 0; i < before.size(); ++i) sum += std::pow(after[i] - before[i], 2);
  // Weights of size 0.5 are stored to 3e-8, which some 200 of them add up to below 1e-6.
  EXPECT_NEAR(std::sqrt(sum), 1e-3, 2e-6);
}

TEST_P(TrainingStepTest, AHugeRateIsCaughtAndTheWeightsFrozen) {
  Training training(device(), {.rate = 1e30});
  training.run(1);
  const Tensor weights = training.parameters.values().clone();
  training.run(5);
  EXPECT_TRUE(identical(training.parameters.values(), weights));
  const nn::EpochMetrics metrics = training.step.read_metrics();
  ASSERT_EQ(metrics.diverged_at, 1);
  // conv1 gives some 1e30, which conv2 multiplies by some 1e30: beyond float's 3e38.
  EXPECT_EQ(training.step.diagnose_divergence(1), "output of conv2 (Conv2D 2x2 -> 4)");
}

TEST_P(TrainingStepTest, ABadParameterIsNamedFirst) {
  if (on_onednn()) GTEST_SKIP() << kOnednnHidesNan;
  Training training(device(), {});
  Tensor bias = training.model.parameters()[1].tensor->detach();
  bias.fill(std::numeric_limits<double>::quiet_NaN());
  training.run(2);
  EXPECT_EQ(training.step.read_metrics().diverged_at, 0);
  EXPECT_EQ(training.step.diagnose_divergence(0), "parameter conv1.bias");
}

TEST_P(TrainingStepTest, AllFiniteIsSaidToo) {
  Training training(device(), {});
  training.run(1);
  EXPECT_EQ(training.step.diagnose_divergence(0),
            "none: all tensors are finite when the step runs again");
}

TEST(TrainingStepErrorTest, SaysWhatDoesNotFit) {
  EXPECT_TRUE(fails("max_grad_norm must be at least 0, got -1",
                    [] { Training(Device::cpu, {.max_grad_norm = -1}); }));
}

TEST(EpochMetricsTest, MeansOfNothingAreZero) {
  const nn::EpochMetrics none;
  EXPECT_EQ(none.mean_loss(), 0);
  EXPECT_EQ(none.accuracy(), 0);
  const nn::EpochMetrics some{.losses = {1, 2}, .correct = 3, .images = 4};
  EXPECT_EQ(some.mean_loss(), 1.5);
  EXPECT_EQ(some.accuracy(), 0.75);
}

}  // namespace
}  // namespace strata::test
