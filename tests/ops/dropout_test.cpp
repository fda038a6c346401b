#include "ops/dropout.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tensor/random.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class DropoutTest : public RungTest {
 protected:
  Tensor step(int32_t value) const {
    return Tensor::from(std::vector<int32_t>{value}, {1}, device());
  }
};
STRATA_ON_EVERY_RUNG(DropoutTest);

/// The formula of ops/dropout.h on the host.
std::vector<double> by_formula(const Tensor& input, double rate, uint64_t seed, uint64_t stream,
                               uint64_t step) {
  std::vector<double> values = values_of(input);
  const float scale = static_cast<float>(1 / (1 - rate));
  for (size_t i = 0; i < values.size(); ++i) {
    const double uniform = random_uniform(seed, stream * (uint64_t{1} << 32) + step, i);
    values[i] = uniform >= rate ? static_cast<float>(values[i]) * scale : 0;
  }
  return values;
}

// Philox 4x32-10 of the key 0 and the counter 0 starts with the words 6627e8d5 e169c58d bc57ac4c
// 9b00dbd8 (Random123's known answers): uniforms 0.399, 0.881, 0.736 and 0.605.
TEST_P(DropoutTest, ByHand) {
  const Tensor x = Tensor::from(std::vector<float>{3, -6, 9, 12}, {2, 2}, device());
  EXPECT_TRUE(close(ops::dropout(x, 0.5, {}), {0, -12, 18, 24}, kExact));
  EXPECT_TRUE(close(ops::dropout(x, 0.75, {}), {0, -24, 0, 0}, kExact));
  EXPECT_TRUE(close(ops::dropout(x, 0.25, {}), {4, -8, 12, 16}));
}

// The same product of the same two floats on every rung.
TEST_P(DropoutTest, DrawsTheFormulasMask) {
  for (const int64_t size : {1, 3, 5, 1023, 100003}) {
    const Tensor x = random_tensor({size}, 1, 1, 2, DType::float32);
    for (const double rate : {0.1, 0.5, 0.9, 0.99999999}) {
      const ops::DropoutState state{.seed = 0x123456789abc, .stream = 7, .step = step(11)};
      EXPECT_TRUE(close(ops::dropout(x.to(device()), rate, state),
                        by_formula(x, rate, state.seed, 7, 11), kExact))
          << size << " at " << rate;
    }
  }
}

TEST_P(DropoutTest, AViewThatStartsAnywhere) {
  const Tensor whole = random_tensor({2048}, 1, 1, 2, DType::float32).to(device());
  for (const int64_t offset : {1, 2, 3}) {
    const Tensor view = whole.view({1001}, offset);
    EXPECT_TRUE(close(ops::dropout(view, 0.5, {}), by_formula(view, 0.5, 0, 0, 0), kExact));
  }
}

TEST_P(DropoutTest, MatchesReference) {
  const ops::DropoutState state{.seed = 3, .stream = 2, .step = step(5)};
  const ops::DropoutState on_host{.seed = 3, .stream = 2, .step = state.step.to(Device::cpu)};
  const auto function = [&](const auto& inputs) {
    return ops::dropout(inputs[0], 0.3, inputs[0].device() == Device::cpu ? on_host : state);
  };
  for (const Shape& shape : {Shape{1}, Shape{7, 3}, Shape{2, 3, 5, 1}, Shape{100003}}) {
    const Tensor x = random_tensor(shape, 1, 1, 2);
    expect_matches_reference(function, {x}, kExact);
    expect_same_bits(function, {x});
  }
}

// The number kept is binomial: four of its standard deviations.
TEST_P(DropoutTest, KeepsTheRightFraction) {
  constexpr int64_t kCount = 100003;
  const Tensor ones = Tensor::full({kCount}, 1, DType::float32, device());
  for (const double rate : {0.05, 0.5, 0.8}) {
    double kept = 0;
    for (const double value : values_of(ops::dropout(ones, rate, {.seed = 1}))) kept += value != 0;
    EXPECT_NEAR(kept, kCount * (1 - rate), 4 * std::sqrt(kCount * rate * (1 - rate))) << rate;
  }
}

TEST_P(DropoutTest, SeedStreamAndStepEachGiveAnotherMask) {
  const Tensor ones = Tensor::full({1000}, 1, DType::float32, device());
  const auto mask = [&](const ops::DropoutState& state) {
    return values_of(ops::dropout(ones, 0.5, state));
  };
  const auto first = mask({.seed = 1, .stream = 1, .step = step(1)});
  EXPECT_EQ(mask({.seed = 1, .stream = 1, .step = step(1)}), first);
  EXPECT_NE(mask({.seed = 2, .stream = 1, .step = step(1)}), first);
  EXPECT_NE(mask({.seed = 1, .stream = 2, .step = step(1)}), first);
  EXPECT_NE(mask({.seed = 1, .stream = 1, .step = step(2)}), first);
  EXPECT_EQ(mask({.seed = 1, .stream = 1}), mask({.seed = 1, .stream = 1, .step = step(0)}));
}

// The step's memory decides, not the handle: what a captured step relies on.
TEST_P(DropoutTest, FollowsTheStepInMemoryForwardAndBackward) {
  Tensor ones = Tensor::full({1000}, 1, DType::float32, device());
  ones.set_requires_grad(true);
  const ops::DropoutState state{.seed = 1, .stream = 1, .step = step(1)};
  const auto before = values_of(ops::dropout(ones, 0.5, state));
  Tensor memory = state.step;
  memory.copy_from(step(2));
  const Tensor output = ops::dropout(ones, 0.5, state);
  EXPECT_NE(values_of(output), before);
  backward(output, Tensor::full({1000}, 1, DType::float32, device()));
  EXPECT_TRUE(identical(ones.grad(), output));
}

TEST_P(DropoutTest, RateZeroIsTheIdentity) {
  const Tensor x = random_tensor({5}, 1, -1, 1, DType::float32).to(device());
  EXPECT_TRUE(ops::dropout(x, 0, {}).shares_memory_with(x));
}

TEST_P(DropoutTest, WhatIsDroppedIsZeroWhateverItWas) {
  const Tensor bad = Tensor::from(std::vector<float>{NAN, NAN}, {2}, device());
  const auto values = ops::dropout(bad, 0.5, {}).to_vector<float>();
  EXPECT_EQ(values[0], 0);
  EXPECT_TRUE(std::isnan(values[1]));
}

TEST_P(DropoutTest, EmptyTensor) {
  const Tensor empty = Tensor::empty({0, 3}, DType::float32, device());
  EXPECT_EQ(ops::dropout(empty, 0.5, {}).shape(), Shape({0, 3}));
}

TEST(DropoutGradientTest, MatchesCentralDifferences) {
  EXPECT_TRUE(gradients_match(
      [](const auto& inputs) { return ops::dropout(inputs[0], 0.4, {.seed = 5, .stream = 3}); },
      {random_tensor({3, 7}, 2)}));
}

TEST(DropoutErrorTest, RefusesBadOptions) {
  const Tensor x = Tensor::zeros({2});
  for (const double rate : {-0.1, 1.0, 2.0, double{NAN}})
    EXPECT_TRUE(fails("dropout: the rate must be at least 0 and below 1",
                      [&] { ops::dropout(x, rate, {}); }));
  EXPECT_TRUE(fails("the stream must be below 2^32, got 4294967296",
                    [&] { ops::dropout(x, 0.5, {.stream = uint64_t{1} << 32}); }));
  EXPECT_TRUE(fails("the step must be one int32, got float32 (1)",
                    [&] { ops::dropout(x, 0.5, {.step = Tensor::zeros({1})}); }));
  EXPECT_TRUE(fails("the step must be one int32, got int32 (2)",
                    [&] { ops::dropout(x, 0.5, {.step = Tensor::zeros({2}, DType::int32)}); }));
  EXPECT_TRUE(fails("dropout: expected a floating tensor, got int32",
                    [&] { ops::dropout(Tensor::zeros({2}, DType::int32), 0.5, {}); }));
}

}  // namespace
}  // namespace strata::test
