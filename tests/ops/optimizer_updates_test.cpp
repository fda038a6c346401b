#include <cmath>
#include <optional>

#include "ops/adam_update.h"
#include "ops/sgd_update.h"
#include "tests/support/rungs.h"
#include "tests/support/threads.h"

namespace strata::test {
namespace {

using ops::AdamOptions;
using ops::SgdOptions;

class OptimizerUpdatesTest : public RungTest {
 protected:
  Tensor vector(const std::vector<float>& values) const {
    return Tensor::from(values, {static_cast<int64_t>(values.size())}, device());
  }
  ops::StepState& state(double rate) {
    return state_.emplace(ops::first_step({.peak = rate}, device()));
  }
  const ops::StepState& state_of_last() const { return *state_; }

 private:
  std::optional<ops::StepState> state_;
};
STRATA_ON_EVERY_RUNG(OptimizerUpdatesTest);

// One to three float32 operations after another on numbers of size one.
constexpr Tolerance kFewRoundings{.relative = 1e-6, .absolute = 1e-6};

TEST_P(OptimizerUpdatesTest, SgdByHand) {
  Tensor weights = vector({1, -2}), none;
  const Tensor gradients = vector({0.5, 4});
  // g = 0.5 + 0.1 * 1 = 0.6 and 4 - 0.2 = 3.8; w - 0.1 g
  ops::sgd_update(weights, gradients, none, state(0.1), {.weight_decay = 0.1});
  EXPECT_TRUE(close(weights, {0.94, -2.38}, kFewRoundings));
}

TEST_P(OptimizerUpdatesTest, MomentumByHand) {
  Tensor weights = vector({1}), velocity = vector({0});
  const Tensor gradients = vector({2});
  const SgdOptions options{.momentum = 0.5};
  ops::sgd_update(weights, gradients, velocity, state(0.1), options);  // v = 2, w = 0.8
  ops::sgd_update(weights, gradients, velocity, state(0.1), options);  // v = 3, w = 0.5
  EXPECT_TRUE(close(velocity, {3.0}, kFewRoundings));
  EXPECT_TRUE(close(weights, {0.5}, kFewRoundings));
}

TEST_P(OptimizerUpdatesTest, NesterovByHand) {
  Tensor weights = vector({1}), velocity = vector({0});
  const Tensor gradients = vector({2});
  const SgdOptions options{.momentum = 0.5, .nesterov = true};
  ops::sgd_update(weights, gradients, velocity, state(0.1), options);  // v = 2, w = 1 - 0.1 * 3
  ops::sgd_update(weights, gradients, velocity, state(0.1), options);  // v = 3, w = 0.7 - 0.1 * 3.5
  EXPECT_TRUE(close(weights, {0.35}, kFewRoundings));
}

// In the first step the corrected moments are g and g^2, so the step is the rate times g's sign.
TEST_P(OptimizerUpdatesTest, AdamsFirstStepByHand) {
  Tensor weights = vector({1, 1, 1}), first = vector({0, 0, 0}), second = vector({0, 0, 0});
  const Tensor gradients = vector({3, -0.001, 0});
  ops::adam_update(weights, gradients, first, second, state(0.1), {});
  EXPECT_TRUE(close(weights, {0.9, 1.0999990, 1}, kFewRoundings));  // 0.1 * 0.001 / (0.001 + 1e-8)
  EXPECT_TRUE(close(first, {0.3, -0.0001, 0}, kFewRoundings));
  EXPECT_TRUE(close(second, {0.009, 1e-9, 0}, {.relative = 1e-6}));
}

TEST_P(OptimizerUpdatesTest, AdamDecaysThroughTheMomentsAndAdamWBesideThem) {
  Tensor adam = vector({2}), adamw = vector({2});
  Tensor first = vector({0}), second = vector({0}), first_w = vector({0}), second_w = vector({0});
  const Tensor gradients = vector({0});
  ops::adam_update(adam, gradients, first, second, state(0.1), {.weight_decay = 0.5});
  ops::adam_update(adamw, gradients, first_w, second_w, state(0.1),
                   {.weight_decay = 0.5, .decoupled = true});
  EXPECT_TRUE(close(adam, {1.9}, kFewRoundings));   // g = 1: one whole step
  EXPECT_TRUE(close(adamw, {1.9}, kFewRoundings));  // 2 - 0.1 * 0.5 * 2
  EXPECT_TRUE(close(first, {0.1}, kFewRoundings));
  EXPECT_TRUE(close(first_w, {0}, kFewRoundings));
}

// The formulas of the headers once more, in double throughout.
struct DoubleLoop {
  std::vector<double> w, m, v;

  explicit DoubleLoop(const Tensor& start) : w(values_of(start)), m(w.size()), v(w.size()) {}

  void adam(const std::vector<double>& gradient, int t, double rate, const AdamOptions& options) {
    for (size_t i = 0; i < w.size(); ++i) {
      if (options.decoupled) w[i] -= rate * options.weight_decay * w[i];
      const double g = gradient[i] + (options.decoupled ? 0 : options.weight_decay) * w[i];
      m[i] += (1 - options.beta1) * (g - m[i]);
      v[i] += (1 - options.beta2) * (g * g - v[i]);
      const double mean = m[i] / (1 - std::pow(options.beta1, t));
      const double square = v[i] / (1 - std::pow(options.beta2, t));
      w[i] -= rate * mean / (std::sqrt(square) + options.epsilon);
    }
  }

  void sgd(const std::vector<double>& gradient, double rate, const SgdOptions& options) {
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = gradient[i] + options.weight_decay * w[i];
      v[i] = options.momentum * v[i] + g;
      w[i] -= rate * (options.nesterov ? g + options.momentum * v[i] : v[i]);
    }
  }
};

constexpr int kSteps = 50;
// An odd size, larger than one block of threads and than one thread's share on the CPU.
constexpr int64_t kSize = 40001;
// 50 steps of 0.01: each adds an error of some 1e-7 relative to the step and to the weight.
constexpr Tolerance kFiftySteps{.relative = 1e-5, .absolute = 1e-5};

TEST_P(OptimizerUpdatesTest, AdamFollowsALoopInDouble) {
  const ops::Schedule schedule{
      .kind = ops::ScheduleKind::cosine, .peak = 0.01, .total_steps = kSteps};
  for (const AdamOptions& options :
       {AdamOptions{},
        AdamOptions{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-4, .weight_decay = 0.1},
        AdamOptions{.weight_decay = 0.1, .decoupled = true}, AdamOptions{.beta1 = 0}}) {
    Tensor weights = random_tensor({kSize}, 1, -1, 1, DType::float32).to(device());
    if (device() == Device::cpu) weights = weights.clone();
    Tensor first = Tensor::zeros({kSize}, DType::float32, device());
    Tensor second = Tensor::zeros({kSize}, DType::float32, device());
    DoubleLoop expected(weights);
    ops::StepState state = ops::first_step(schedule, device());
    for (int step = 0; step < kSteps; ++step) {
      const Tensor gradients = random_tensor({kSize}, 100 + step, 0.1, 1, DType::float32);
      ops::adam_update(weights, gradients.to(device()), first, second, state, options);
      expected.adam(values_of(gradients), step + 1, schedule.at(step), options);
    }
    EXPECT_TRUE(close(weights, expected.w, kFiftySteps));
  }
}

TEST_P(OptimizerUpdatesTest, SgdFollowsALoopInDouble) {
  for (const SgdOptions& options :
       {SgdOptions{.weight_decay = 0.1}, SgdOptions{.momentum = 0.9, .weight_decay = 0.01},
        SgdOptions{.momentum = 0.9, .nesterov = true}}) {
    Tensor weights = converted(random_tensor({kSize}, 1), DType::float32, device());
    Tensor velocity;
    if (options.momentum > 0) velocity = Tensor::zeros({kSize}, DType::float32, device());
    DoubleLoop expected(weights);
    const double rate = 0.0009765625;  // 2^-10: exact in float32
    for (int step = 0; step < kSteps; ++step) {
      const Tensor gradients = random_tensor({kSize}, 100 + step, -1, 1, DType::float32);
      ops::sgd_update(weights, gradients.to(device()), velocity, state(rate), options);
      expected.sgd(values_of(gradients), rate, options);
    }
    EXPECT_TRUE(close(weights, expected.w, kFiftySteps));
  }
}

// One element, runs of four with and without a rest, more than all blocks of a GPU take at once.
TEST_P(OptimizerUpdatesTest, ChangeEveryElementOfAnySizeOnce) {
  constexpr double kRate = 0.125;
  for (const int64_t size : {1, 3, 4, 255, 1024, 1030, 150'001, 600'004}) {
    SCOPED_TRACE(size);
    Tensor adam = converted(random_tensor({size}, 1), DType::float32, device());
    Tensor sgd = adam.clone();
    Tensor first = Tensor::zeros({size}, DType::float32, device());
    Tensor second = first.clone(), velocity = first.clone();
    const Tensor gradients = random_tensor({size}, 2, 0.1, 1, DType::float32);
    DoubleLoop expected_adam(adam), expected_sgd(sgd);
    ops::adam_update(adam, gradients.to(device()), first, second, state(kRate), {});
    ops::sgd_update(sgd, gradients.to(device()), velocity, state(kRate), {.momentum = 0.9});
    expected_adam.adam(values_of(gradients), 1, kRate, {});
    expected_sgd.sgd(values_of(gradients), kRate, {.momentum = 0.9});
    EXPECT_TRUE(close(adam, expected_adam.w, kFewRoundings));
    EXPECT_TRUE(close(sgd, expected_sgd.w, kFewRoundings));
  }
}

TEST_P(OptimizerUpdatesTest, AdamHasTheSameBitsOnSeveralThreads) {
  if (device() == Device::gpu) GTEST_SKIP() << "a GPU's kernels use no thread of the CPU";
  constexpr int64_t kMany = 100003;
  const Tensor start = random_tensor({kMany}, 1, -1, 1, DType::float32);
  const Tensor gradients = random_tensor({kMany}, 2, -1, 1, DType::float32);
  const auto updated = [&] {
    std::vector<Tensor> buffers = {start.clone(), gradients.clone(), Tensor::zeros({kMany})};
    ops::adam_update(buffers[0], gradients, buffers[1], buffers[2], state(0.1), {});
    return buffers;
  };
  if (GetParam().kernels == Kernels::own) {
    EXPECT_TRUE(runs_on_several_threads(updated));
  }
  std::vector<Tensor> expected;
  for (const int threads : {1, 2, 3}) {
    const ThreadCountScope scope(threads);
    const std::vector<Tensor> actual = updated();
    if (threads == 1) expected = actual;
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_TRUE(identical(actual[i], expected[i])) << threads << " threads, buffer " << i;
  }
}

// A view that starts at an odd element cannot be read four at a time.
TEST_P(OptimizerUpdatesTest, ViewsThatAreNotAligned) {
  Tensor buffer = vector({1, 2, 3, 4, 5, 6});
  Tensor weights = buffer.view({4}, 1), none;
  ops::sgd_update(weights, vector({1, 1, 1, 1}), none, state(0.5), {});
  EXPECT_TRUE(close(buffer, {1, 1.5, 2.5, 3.5, 4.5, 6}, kExact));
}

TEST_P(OptimizerUpdatesTest, EndTheStepAndWalkTheSchedule) {
  const ops::Schedule schedule{
      .kind = ops::ScheduleKind::one_cycle, .peak = 0.5, .total_steps = 20};
  constexpr int64_t kManyBlocks = 20000;
  for (const int64_t size : {int64_t{1}, kManyBlocks}) {
    ops::StepState state = ops::first_step(schedule, device());
    Tensor weights = Tensor::zeros({size}, DType::float32, device());
    Tensor first = weights.clone(), second = weights.clone(), none;
    for (int step = 0; step < 25; ++step) {
      EXPECT_EQ(state.step.item<int32_t>(), step);
      // One rounding: the cosines of the two sides may differ in their last bit.
      EXPECT_NEAR(state.learning_rate.item<float>(), schedule.at(step), 6e-8);
      if (step % 2 == 0)
        ops::adam_update(weights, weights, first, second, state, {});
      else
        ops::sgd_update(weights, weights, none, state, {});
    }
    EXPECT_EQ(state.diverged_at.item<int32_t>(), -1);
  }
}

TEST_P(OptimizerUpdatesTest, LateAdamStepsKeepTheirPrecision) {
  ops::StepState state = ops::first_step({.peak = 0.1}, device());
  state.step.copy_from(Tensor::from(std::vector<int32_t>{999}, {1}));
  Tensor weights = vector({1}), first = vector({0.05}), second = vector({0.002});
  // t = 1000: m = 0.045 + 0.1 * 0.3, v = 0.999 * 0.002 + 0.001 * 0.09, 1 - 0.999^1000 = 0.632304575
  ops::adam_update(weights, vector({0.3}), first, second, state, {});
  const double expected = 1 - 0.1 * 0.075 / std::sqrt(0.002088 / 0.6323045752290363);
  EXPECT_TRUE(close(weights, {expected}, kFewRoundings));
}

TEST_P(OptimizerUpdatesTest, FreezeOnceDiverged) {
  ops::StepState diverged = state(0.1);
  diverged.diverged_at.copy_from(Tensor::from(std::vector<int32_t>{0}, {1}));
  Tensor weights = vector({1}), first = vector({0}), second = vector({0}), velocity = vector({0});
  ops::adam_update(weights, vector({1}), first, second, diverged, {});
  ops::sgd_update(weights, vector({1}), velocity, diverged, {.momentum = 0.9});
  for (const Tensor& kept : {first, second, velocity}) EXPECT_TRUE(close(kept, {0.0}, kExact));
  EXPECT_TRUE(close(weights, {1.0}, kExact));
  EXPECT_EQ(diverged.step.item<int32_t>(), 2) << "the steps go on";
}

TEST_P(OptimizerUpdatesTest, EmptyBuffers) {
  Tensor weights = vector({}), first = vector({}), second = vector({}), velocity = vector({});
  ops::adam_update(weights, vector({}), first, second, state(0.1), {});
  ops::sgd_update(weights, vector({}), velocity, state(0.1), {.momentum = 0.9});
  EXPECT_EQ(state_of_last().step.item<int32_t>(), 1);
}

TEST(OptimizerUpdateErrorTest, NamesWhatDoesNotFit) {
  Tensor weights = Tensor::zeros({2}), other = Tensor::zeros({3}), none;
  ops::StepState state = ops::first_step({.peak = 0.1}, Device::cpu);
  EXPECT_TRUE(fails("adam_update: weights are float32 (2), another buffer is float32 (3)",
                    [&] { ops::adam_update(weights, other, weights, weights, state, {}); }));
  EXPECT_TRUE(fails("betas must lie in [0, 1), got 1 and 0.999", [&] {
    ops::adam_update(weights, weights, weights, weights, state, {.beta1 = 1});
  }));
  EXPECT_TRUE(fails("epsilon must be above 0", [&] {
    ops::adam_update(weights, weights, weights, weights, state, {.epsilon = NAN});
  }));
  EXPECT_TRUE(fails("Nesterov needs a momentum above 0",
                    [&] { ops::sgd_update(weights, weights, none, state, {.nesterov = true}); }));
  EXPECT_TRUE(fails("momentum must lie in [0, 1)",
                    [&] { ops::sgd_update(weights, weights, none, state, {.momentum = -1}); }));
  EXPECT_TRUE(fails("a velocity is kept with momentum",
                    [&] { ops::sgd_update(weights, weights, none, state, {.momentum = 0.9}); }));
  Tensor wide = Tensor::zeros({2}, DType::float64);
  EXPECT_TRUE(fails("weights must be float32, got float64",
                    [&] { ops::sgd_update(wide, wide, none, state, {}); }));
}

}  // namespace
}  // namespace strata::test
