#include "nn/captured_step.h"

#include "nn/activations.h"
#include "nn/batch_norm.h"
#include "nn/conv2d.h"
#include "nn/dense.h"
#include "nn/digits.h"
#include "nn/dropout.h"
#include "nn/evaluate.h"
#include "nn/pool2d.h"
#include "nn/sequential.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

const nn::Dataset& digits() {
  static const nn::Dataset set = nn::draw_digits({.seed = 3, .train_count = 130, .test_count = 20});
  return set;
}

/// A small network with layers that have a state of their own, and all that trains it: an epoch is
/// 13 steps.
struct Training {
  nn::Builder builder;
  nn::Sequential model;
  nn::DeviceDataset data;
  nn::FlatParameters parameters;
  nn::Adam optimizer;
  nn::Loader loader;
  nn::TrainingStep step;

  explicit Training(Device device, double rate = 0.01)
      : builder{.device = device, .seed = 4},
        data(digits(), device),
        parameters(build()),
        optimizer(parameters),
        loader(data.train, {.batch_size = 10, .seed = 4}),
        step({.model = model,
              .parameters = parameters,
              .optimizer = optimizer,
              .loader = loader,
              .schedule = nn::make_schedule(nn::ScheduleKind::one_cycle, rate, 100),
              .max_grad_norm = 1}) {}

  nn::Module& build() {
    model.add_named<nn::Conv2D>("conv", builder, 1, 4, ops::Extent2d{5, 5})
        .add_named<nn::BatchNorm>("norm", builder, 4)
        .add_named<nn::ReLU>("relu")
        .add_named<nn::MaxPool2D>("pool")
        .add_named<nn::Flatten>("flatten")
        .add_named<nn::Dropout>("dropout", builder, 0.3)
        .add_named<nn::Dense>("dense", builder, 12 * 12 * 4, 10);
    return model;
  }
};

/// Every number that training has changed is the same in both.
testing::AssertionResult same_bits(Training& a, Training& b) {
  const std::vector<Tensor> left = a.step.state(), right = b.step.state();
  for (size_t i = 0; i < left.size(); ++i) {
    const auto same = left[i].dtype() == DType::int32
                          ? left[i].to_vector<int32_t>() == right[i].to_vector<int32_t>()
                          : identical(left[i], right[i]);
    if (!same) return testing::AssertionFailure() << "tensor " << i << " of the state differs";
  }
  return testing::AssertionSuccess();
}

class CapturedStepTest : public RungTest {};
STRATA_ON_EVERY_RUNG(CapturedStepTest);

TEST_P(CapturedStepTest, ARehearsalChangesNothing) {
  Training fresh(device()), rehearsed(device());
  nn::CapturedStep captured(rehearsed.step, {.steps_per_launch = 3});
  captured.rehearse();
  EXPECT_TRUE(same_bits(rehearsed, fresh));
  EXPECT_EQ(rehearsed.step.steps_done(), 0);
  EXPECT_EQ(captured.nodes_per_step().has_value(), device() == Device::gpu);
  EXPECT_EQ(captured.steps_per_launch(), device() == Device::gpu ? 3 : 1);
}

// Epochs of 13 steps end inside the launches' stride, and metrics are read between.
TEST_P(CapturedStepTest, GivesTheBitsOfTheEagerStep) {
  for (const int64_t per_launch : {1, 4, 10}) {
    SCOPED_TRACE(per_launch);
    Training eager(device()), training(device());
    nn::CapturedStep captured(training.step, {.steps_per_launch = per_launch});
    for (int epoch = 1; epoch <= 3; ++epoch) {
      for (int i = 0; i < 13; ++i) eager.step.run();
      captured.run(8);
      captured.run(5);
      EXPECT_EQ(training.step.steps_done(), 13 * epoch);
      const nn::EpochMetrics a = training.step.read_metrics(), b = eager.step.read_metrics();
      EXPECT_EQ(a.losses, b.losses);
      EXPECT_EQ(a.correct, b.correct);
      EXPECT_EQ(a.images, 130);
      EXPECT_EQ(nn::evaluate(training.model, training.data.test, 7),
                nn::evaluate(eager.model, eager.data.test, 7));
    }
    EXPECT_TRUE(same_bits(training, eager));
  }
}

TEST_P(CapturedStepTest, CanBeToldToRunEagerly) {
  Training eager(device()), training(device());
  nn::CapturedStep captured(training.step, {.capture = false});
  captured.run(25);
  for (int i = 0; i < 25; ++i) eager.step.run();
  EXPECT_TRUE(same_bits(training, eager));
  EXPECT_EQ(captured.nodes_per_step(), std::nullopt);
  EXPECT_EQ(captured.steps_per_launch(), 1);
}

// What is made after the recording must not lie where its launches write.
TEST_P(CapturedStepTest, LeavesOtherTensorsAlone) {
  Training eager(device()), training(device());
  nn::CapturedStep captured(training.step, {.steps_per_launch = 2});
  captured.rehearse();
  pool_of(device()).trim();
  Training made_later(device());
  const Tensor weights = made_later.parameters.values().clone();
  captured.run(6);
  EXPECT_TRUE(identical(made_later.parameters.values(), weights));
  for (int i = 0; i < 6; ++i) eager.step.run(), made_later.step.run();
  captured.run(6);
  for (int i = 0; i < 6; ++i) eager.step.run();
  EXPECT_TRUE(same_bits(training, eager));
}

TEST_P(CapturedStepTest, AllocatesNothingAfterTheRehearsal) {
  Training training(device());
  nn::CapturedStep captured(training.step);
  captured.rehearse();
  const size_t before = pool_of(device()).report().system_allocations;
  captured.run(21);
  EXPECT_EQ(pool_of(device()).report().system_allocations, before);
}

TEST_P(CapturedStepTest, DivergenceIsFoundAndFreezesTheWeights) {
  Training training(device(), 1e30);
  nn::CapturedStep captured(training.step, {.steps_per_launch = 4});
  captured.run(13);
  const nn::EpochMetrics metrics = training.step.read_metrics();
  EXPECT_GE(metrics.diverged_at, 1);
  EXPECT_LT(metrics.diverged_at, 13);
  const Tensor weights = training.parameters.values().clone();
  captured.run(9);
  EXPECT_TRUE(identical(training.parameters.values(), weights));
  EXPECT_EQ(training.step.read_metrics().diverged_at, metrics.diverged_at);
}

TEST(CapturedStepErrorTest, SaysWhatItCannotTake) {
  Training training(Device::cpu);
  EXPECT_TRUE(fails("steps_per_launch must be at least 1, got 0",
                    [&] { nn::CapturedStep(training.step, {.steps_per_launch = 0}); }));
}

}  // namespace
}  // namespace strata::test
