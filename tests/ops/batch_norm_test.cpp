#include "ops/batch_norm.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tensor/parallel.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

/// The running statistics that every call of a test starts from, like `input` in dtype and device.
struct Running {
  Tensor mean, variance;

  explicit Running(const Tensor& input)
      : mean(converted(random_tensor({input.extent(-1)}, 8), input.dtype(), input.device())),
        variance(converted(random_tensor({input.extent(-1)}, 9, 0.5, 2), input.dtype(),
                           input.device())) {}
};

Function with_options(const ops::BatchNormOptions& options) {
  return [=](const std::vector<Tensor>& inputs) {
    Running running(inputs[0]);
    return ops::batch_norm(inputs[0], inputs[1], inputs[2], running.mean, running.variance,
                           options);
  };
}

std::vector<Tensor> random_inputs(const Shape& shape) {
  const Shape channels{shape[-1]};
  return {random_tensor(shape, 1, -1, 3), random_tensor(channels, 2, 0.5, 2),
          random_tensor(channels, 3)};
}

const ops::BatchNormOptions kOptions[] = {
    {},
    {.epsilon = 0.1, .momentum = 0.3},
    {.momentum = 0},
    {.momentum = 1},
    {.training = false},
    {.epsilon = 0.5, .training = false},
};

// Rows of one tile, of several, and of tiles that are not full, for every width of a tile.
const Shape kShapes[] = {{2, 1},         {7, 3},          {5, 300},   {3, 4, 5, 24},
                         {1, 31, 33, 2}, {2, 29, 17, 33}, {5000, 65}, {100003, 1}};

class BatchNormTest : public RungTest {
 protected:
  Tensor tensor(const std::vector<float>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }
};
STRATA_ON_EVERY_RUNG(BatchNormTest);

// Channel 0: mean 2, variance 1. Channel 1: mean 10, variance 4; epsilon is lost in rounding.
TEST_P(BatchNormTest, TrainingByHand) {
  const Tensor x = tensor({1, 8, 3, 12, 1, 12, 3, 8}, {4, 2});
  Tensor mean = tensor({1, 2}, {2}), variance = tensor({3, 5}, {2});
  const Tensor y = ops::batch_norm(x, tensor({2, 3}, {2}), tensor({10, 20}, {2}), mean, variance,
                                   {.epsilon = 1e-12, .momentum = 0.25});
  EXPECT_TRUE(close(y, {8, 17, 12, 23, 8, 23, 12, 17}));
  EXPECT_TRUE(close(mean, {0.75 * 1 + 0.25 * 2, 0.75 * 2 + 0.25 * 10}));
  EXPECT_TRUE(close(variance, {0.75 * 3 + 0.25 * 4 / 3, 0.75 * 5 + 0.25 * 16 / 3}));
}

// With epsilon 3 the inverse deviations of variances 1 and 6 are 1/2 and 1/3.
TEST_P(BatchNormTest, EvaluationByHand) {
  const Tensor x = tensor({1, 8, 3, 12}, {1, 2, 1, 2});
  Tensor mean = tensor({5, 2}, {2}), variance = tensor({1, 6}, {2});
  const Tensor y = ops::batch_norm(x, tensor({2, 3}, {2}), tensor({10, 20}, {2}), mean, variance,
                                   {.epsilon = 3, .training = false});
  EXPECT_TRUE(close(y, {6, 26, 8, 30}));
  EXPECT_TRUE(close(mean, {5, 2}, kExact));
  EXPECT_TRUE(close(variance, {1, 6}, kExact));
}

// x = (-1, 1, 1, -1), so n = x for epsilon -> 0; g = (1, 2, 3, 6): sum g = 12, sum g n = -2;
// dL/dx = 2 (g - 3 + n / 2).
TEST_P(BatchNormTest, GradientsByHand) {
  Tensor x = tensor({-1, 1, 1, -1}, {4, 1}), scale = tensor({2}, {1}), shift = tensor({5}, {1});
  for (Tensor* input : {&x, &scale, &shift}) input->set_requires_grad(true);
  Tensor mean = tensor({0}, {1}), variance = tensor({1}, {1});
  backward(ops::batch_norm(x, scale, shift, mean, variance, {.epsilon = 1e-12}),
           tensor({1, 2, 3, 6}, {4, 1}));
  EXPECT_TRUE(close(scale.grad(), {-2}));
  EXPECT_TRUE(close(shift.grad(), {12}));
  EXPECT_TRUE(close(x.grad(), {-5, -1, 1, 5}));
}

// grad_scale adds up to 100,003 products of size one, whose rounding grows with the square root of
// their number, about 300 * 6e-8 of it; the rest stays well inside.
TEST_P(BatchNormTest, MatchesReference) {
  for (const Shape& shape : kShapes) {
    for (const ops::BatchNormOptions& options : kOptions) {
      SCOPED_TRACE(shape.to_string() + (options.training ? " training" : " evaluation"));
      const double rows = static_cast<double>(shape.size() / shape[-1]);
      expect_matches_reference(with_options(options), random_inputs(shape),
                               {.relative = 2e-5, .absolute = 2e-5 + 1e-6 * std::sqrt(rows)});
    }
  }
}

TEST_P(BatchNormTest, RunningStatisticsMatchReference) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(shape.to_string());
    const auto update = [&](Device device, Kernels kernels) {
      const SettingsScope scope({.kernels = kernels});
      std::vector<Tensor> inputs;
      for (const Tensor& input : random_inputs(shape))
        inputs.push_back(converted(input, DType::float32, device));
      Running running(inputs[0]);
      for (int step = 0; step < 2; ++step)
        ops::batch_norm(inputs[0], inputs[1], inputs[2], running.mean, running.variance,
                        {.momentum = 0.3});
      return running;
    };
    const Running expected = update(Device::cpu, Kernels::reference);
    const Running actual = update(device(), settings().kernels);
    EXPECT_TRUE(close(actual.mean, expected.mean));
    EXPECT_TRUE(close(actual.variance, expected.variance));
  }
}

// 1e4 + 1 and 1e4 - 1: squares in float32 would swallow a variance of 1. A float at 1e4 is within
// 5e-4 of its value, and so are the mean and what is measured from it.
TEST_P(BatchNormTest, SmallVarianceFarFromZero) {
  constexpr int64_t kRows = 6000, kChannels = 3;
  std::vector<float> values;
  for (int64_t i = 0; i < kRows * kChannels; ++i)
    values.push_back(1e4f + (i / kChannels % 2 == 0 ? 1 : -1));
  Tensor mean = tensor({0, 0, 0}, {3}), variance = tensor({0, 0, 0}, {3});
  const Tensor y = ops::batch_norm(tensor(values, {kRows, kChannels}), tensor({1, 1, 1}, {3}),
                                   tensor({0, 0, 0}, {3}), mean, variance, {.momentum = 1});
  const double unbiased = double{kRows} / (kRows - 1);
  EXPECT_TRUE(close(mean, {1e4, 1e4, 1e4}, {.relative = 1e-7}));
  EXPECT_TRUE(close(variance, {unbiased, unbiased, unbiased}, {.relative = 1e-4}));
  EXPECT_NEAR(y.to_vector<float>()[0], 1, 1e-3);
  EXPECT_NEAR(y.to_vector<float>()[3], -1, 1e-3);
}

TEST_P(BatchNormTest, SameBitsAgainAndForAnyThreads) {
  for (const Shape& shape : {Shape{2, 29, 17, 33}, Shape{5000, 65}, Shape{100003, 1}}) {
    expect_same_bits(with_options({}), random_inputs(shape));
    expect_same_bits(with_options({.training = false}), random_inputs(shape));
  }
}

TEST_P(BatchNormTest, RunningStatisticsHaveTheSameBitsForAnyThreads) {
  const int before = thread_count();
  const Tensor x = converted(random_tensor({5000, 65}, 1), DType::float32, device());
  const Tensor ones = Tensor::full({65}, 1, DType::float32, device());
  Running first(x);
  set_thread_count(1);
  ops::batch_norm(x, ones, ones, first.mean, first.variance);
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    Running running(x);
    ops::batch_norm(x, ones, ones, running.mean, running.variance);
    EXPECT_TRUE(identical(running.mean, first.mean));
    EXPECT_TRUE(identical(running.variance, first.variance));
  }
  set_thread_count(before);
}

// A training step in between must not change what an evaluation's backward pass uses.
TEST_P(BatchNormTest, EvaluationKeepsItsStatisticsForBackward) {
  Tensor x = tensor({1, 3}, {2, 1});
  x.set_requires_grad(true);
  const Tensor one = tensor({1}, {1});
  Tensor mean = tensor({0}, {1}), variance = tensor({1}, {1});
  const Tensor y = ops::batch_norm(x, one, one, mean, variance, {.epsilon = 3, .training = false});
  mean.fill(7);
  variance.fill(97);
  backward(y, tensor({4, 6}, {2, 1}));
  EXPECT_TRUE(close(x.grad(), {2, 3}));
}

TEST_P(BatchNormTest, OnlyTheGradientsThatAreNeeded) {
  const std::vector<Tensor> inputs = random_inputs({6, 3});
  for (size_t needed = 0; needed < inputs.size(); ++needed) {
    std::vector<Tensor> alone, all;
    for (const Tensor& input : inputs) {
      alone.push_back(converted(input, DType::float32, device()));
      all.push_back(converted(input, DType::float32, device()).set_requires_grad(true));
    }
    alone[needed].set_requires_grad(true);
    const Tensor grad_output = converted(random_tensor({6, 3}, 4), DType::float32, device());
    backward(with_options({})(alone), grad_output);
    backward(with_options({})(all), grad_output);
    EXPECT_TRUE(identical(alone[needed].grad(), all[needed].grad()));
  }
}

TEST_P(BatchNormTest, EmptyInputInEvaluation) {
  Tensor scale = tensor({1, 1}, {2}), mean = tensor({0, 0}, {2}), variance = tensor({1, 1}, {2});
  scale.set_requires_grad(true);
  const Tensor empty = Tensor::empty({0, 2}, DType::float32, device());
  const Tensor y = ops::batch_norm(empty, scale, mean, mean, variance, {.training = false});
  EXPECT_EQ(y.shape(), Shape({0, 2}));
  backward(y, empty);
  EXPECT_TRUE(close(scale.grad(), {0, 0}, kExact));
}

TEST_P(BatchNormTest, NanReachesItsChannelOnly) {
  const Tensor x = tensor({1, NAN, 3, 4}, {2, 2}), one = tensor({1, 1}, {2});
  Tensor mean = tensor({0, 0}, {2}), variance = tensor({1, 1}, {2});
  const auto y = ops::batch_norm(x, one, one, mean, variance).to_vector<float>();
  EXPECT_TRUE(std::isfinite(y[0]) && std::isfinite(y[2]));
  EXPECT_TRUE(std::isnan(y[1]) && std::isnan(y[3]));
}

TEST(BatchNormGradientTest, MatchesCentralDifferences) {
  for (const ops::BatchNormOptions& options : kOptions) {
    for (const Shape& shape : {Shape{5, 3}, Shape{2, 3, 2, 2}})
      EXPECT_TRUE(gradients_match(with_options(options), random_inputs(shape)))
          << shape.to_string() << (options.training ? " training" : " evaluation");
  }
}

class BatchNormErrorTest : public testing::Test {
 protected:
  testing::AssertionResult refuses(const Shape& shape, const std::string& words,
                                   const ops::BatchNormOptions& options = {}) {
    return fails(words, [&] {
      ops::batch_norm(Tensor::zeros(shape), scale_, shift_, mean_, variance_, options);
    });
  }

  Tensor scale_ = Tensor::zeros({3}), shift_ = Tensor::zeros({3});
  Tensor mean_ = Tensor::zeros({3}), variance_ = Tensor::zeros({3});
};

TEST_F(BatchNormErrorTest, SaysWhichShapeDoesNotFit) {
  EXPECT_TRUE(refuses({4, 5, 3}, "expected an input (N, C) or (N, H, W, C), got (4, 5, 3)"));
  EXPECT_TRUE(refuses({4, 2}, "batch_norm: input (4, 2) needs a scale (2), got (3)"));
  shift_ = Tensor::zeros({3, 1});
  EXPECT_TRUE(refuses({4, 3}, "needs a shift (3), got (3, 1)"));
  shift_ = scale_;
  mean_ = Tensor::zeros({2});
  EXPECT_TRUE(refuses({4, 3}, "needs a running mean (3), got (2)"));
  mean_ = scale_;
  variance_ = Tensor::zeros({2});
  EXPECT_TRUE(refuses({4, 3}, "needs a running variance (3), got (2)"));
}

TEST_F(BatchNormErrorTest, SaysWhichDtypeDoesNotFit) {
  variance_ = Tensor::zeros({3}, DType::float64);
  EXPECT_TRUE(refuses({4, 3}, "input is float32, but running variance is float64"));
  EXPECT_TRUE(fails("batch_norm: expected a floating tensor, got int32", [&] {
    ops::batch_norm(Tensor::zeros({4, 3}, DType::int32), scale_, shift_, mean_, variance_);
  }));
}

TEST_F(BatchNormErrorTest, RefusesBadOptions) {
  for (const double epsilon : {0.0, -1.0, double{NAN}, double{INFINITY}})
    EXPECT_TRUE(refuses({4, 3}, "epsilon must be finite and above 0", {.epsilon = epsilon}));
  for (const double momentum : {-0.1, 1.1, double{NAN}})
    EXPECT_TRUE(refuses({4, 3}, "momentum must be between 0 and 1", {.momentum = momentum}));
}

TEST_F(BatchNormErrorTest, RefusesATrainingBatchOfOneRow) {
  EXPECT_TRUE(refuses({1, 3}, "(1, 3) has 1 values a channel; training needs 2 or more"));
  EXPECT_TRUE(refuses({1, 1, 1, 3}, "training needs 2 or more"));
  EXPECT_TRUE(refuses({0, 3}, "training needs 2 or more"));
  EXPECT_NO_THROW(ops::batch_norm(Tensor::zeros({1, 3}), scale_, shift_, mean_, variance_,
                                  {.training = false}));
}

}  // namespace
}  // namespace strata::test
