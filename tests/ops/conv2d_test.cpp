#include "ops/conv2d.h"

#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::Conv2dOptions;
using ops::Padding;

class Conv2dTest : public RungTest {};
STRATA_ON_EVERY_RUNG(Conv2dTest);

struct Case {
  const char* name;
  Shape input;   // (N, H, W, C)
  Shape weight;  // (K, R, S, C / groups)
  Conv2dOptions options;
};

Padding explicit_padding(int64_t top, int64_t bottom, int64_t left, int64_t right) {
  return {Padding::Mode::explicit_, top, bottom, left, right};
}

Function convolution(const Conv2dOptions& options) {
  return [options](const auto& inputs) { return ops::conv2d(inputs[0], inputs[1], options); };
}

std::vector<Tensor> inputs_of(const Case& c) {
  return {random_tensor(c.input, 1), random_tensor(c.weight, 2)};
}

const std::vector<Case>& small_cases() {
  static const std::vector<Case> cases = {
      {"plain", {2, 5, 6, 3}, {4, 3, 2, 3}, {}},
      {"1x1", {2, 3, 5, 3}, {5, 1, 1, 3}, {}},
      {"as large as the image", {3, 4, 5, 2}, {3, 4, 5, 2}, {}},
      {"strides", {2, 8, 9, 2}, {3, 3, 3, 2}, {.stride = {2, 3}}},
      {"stride above the window", {1, 8, 9, 2}, {3, 1, 2, 2}, {.stride = {3, 3}}},
      {"same", {2, 5, 6, 3}, {2, 3, 4, 3}, {.padding = Padding::same()}},
      {"same, strides", {2, 7, 8, 1}, {3, 5, 3, 1}, {.stride = {3, 2}, .padding = Padding::same()}},
      {"each side", {1, 4, 5, 2}, {3, 3, 3, 2}, {.padding = Padding::each_side(2, 1)}},
      {"uneven padding", {2, 4, 5, 3}, {3, 3, 2, 3}, {.padding = explicit_padding(1, 2, 3, 0)}},
      {"padding above the window",
       {1, 3, 3, 2},
       {2, 2, 2, 2},
       {.padding = explicit_padding(3, 0, 0, 4)}},
      {"dilation", {2, 7, 9, 2}, {3, 3, 2, 2}, {.dilation = {2, 3}}},
      {"groups", {2, 5, 5, 6}, {4, 3, 2, 3}, {.groups = 2}},
      {"depthwise", {2, 5, 4, 5}, {5, 3, 3, 1}, {.padding = Padding::same(), .groups = 5}},
      {"depthwise, two each", {1, 5, 4, 3}, {6, 2, 3, 1}, {.groups = 3}},
      {"all at once",
       {2, 9, 8, 6},
       {9, 3, 2, 2},
       {.stride = {2, 3},
        .padding = explicit_padding(2, 1, 0, 3),
        .dilation = {2, 3},
        .groups = 3}},
  };
  return cases;
}

/// Channels and rows on both sides of the tiles of a fast kernel, and the shapes of LeNet.
const std::vector<Case>& larger_cases() {
  static const std::vector<Case> cases = {
      {"lenet 1", {3, 28, 28, 1}, {24, 5, 5, 1}, {}},
      {"lenet 2", {3, 12, 12, 24}, {32, 3, 3, 24}, {}},
      {"33 channels", {2, 6, 7, 33}, {17, 3, 3, 33}, {.padding = Padding::same()}},
      {"65 outputs", {1, 5, 5, 4}, {65, 2, 2, 4}, {.stride = {2, 1}}},
      {"wide row", {1, 3, 70, 5}, {16, 3, 3, 5}, {.padding = Padding::same()}},
      {"groups of 16", {2, 5, 6, 32}, {32, 3, 3, 16}, {.groups = 2}},
      {"17 images", {17, 4, 4, 3}, {8, 3, 3, 3}, {.padding = Padding::same()}},
      {"dilated, strided",
       {5, 19, 17, 3},
       {24, 3, 3, 3},
       {.stride = {2, 1}, .padding = Padding::same(), .dilation = {2, 4}}},
  };
  return cases;
}

TEST_P(Conv2dTest, KnownValues) {
  //   1 2 3       1 10
  //   4 5 6  by  100 1000
  //   7 8 9
  const Tensor x =
      Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}, device());
  const Tensor w = Tensor::from(std::vector<float>{1, 10, 100, 1000}, {1, 2, 2, 1}, device());
  EXPECT_TRUE(close(ops::conv2d(x, w), {5421, 6532, 8754, 9865}, kExact));
  EXPECT_TRUE(close(ops::conv2d(x, w, {.stride = {2, 2}}), {5421}, kExact));
  // The odd row and column of zeros stand below and to the right.
  EXPECT_TRUE(close(ops::conv2d(x, w, {.padding = Padding::same()}),
                    {5421, 6532, 603, 8754, 9865, 906, 87, 98, 9}, kExact));
  EXPECT_TRUE(close(ops::conv2d(x, w, {.dilation = {2, 2}}), {1 + 30 + 700 + 9000}, kExact));
  EXPECT_TRUE(close(ops::conv2d(x, w, {.stride = {2, 2}, .padding = explicit_padding(1, 0, 1, 0)}),
                    {1000, 3200, 7040, 9865}, kExact));
}

TEST_P(Conv2dTest, ChannelsAndGroups) {
  // One pixel, channels (1, 2, 3, 4); two groups of two inputs and one output each.
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4}, {1, 1, 1, 4}, device());
  const Tensor w = Tensor::from(std::vector<float>{1, 10, 1, 10}, {2, 1, 1, 2}, device());
  EXPECT_TRUE(close(ops::conv2d(x, w, {.groups = 2}), {21, 43}, kExact));
}

TEST_P(Conv2dTest, KnownGradients) {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 2, 3, 1}, device());
  Tensor w = Tensor::from(std::vector<float>{1, 10, 100, 1000}, {1, 2, 2, 1}, device());
  x.set_requires_grad(true);
  w.set_requires_grad(true);
  backward(ops::conv2d(x, w), Tensor::from(std::vector<float>{1, 2}, {1, 1, 2, 1}, device()));
  EXPECT_TRUE(close(x.grad(), {1, 12, 20, 100, 1200, 2000}, kExact));
  EXPECT_TRUE(close(w.grad(), {1 + 4, 2 + 6, 4 + 10, 5 + 12}, kExact));
}

TEST_P(Conv2dTest, MatchesReference) {
  for (const auto* cases : {&small_cases(), &larger_cases()}) {
    for (const Case& c : *cases) {
      SCOPED_TRACE(c.name);
      expect_matches_reference(convolution(c.options), inputs_of(c));
    }
  }
}

TEST_P(Conv2dTest, OnlyTheGradientsAskedFor) {
  for (const bool of_input : {true, false}) {
    Tensor x = random_tensor({2, 4, 4, 3}, 1, -1, 1, DType::float32).to(device());
    Tensor w = random_tensor({5, 3, 3, 3}, 2, -1, 1, DType::float32).to(device());
    (of_input ? x : w).set_requires_grad(true);
    backward(ops::conv2d(x, w), Tensor::full({2, 2, 2, 5}, 1, DType::float32, device()));
    EXPECT_EQ(x.grad().defined(), of_input);
    EXPECT_EQ(w.grad().defined(), !of_input);
  }
}

TEST_P(Conv2dTest, NoImages) {
  Tensor x = Tensor::empty({0, 4, 4, 1}, DType::float32, device());
  Tensor w = Tensor::full({2, 3, 3, 1}, 1, DType::float32, device());
  x.set_requires_grad(true);
  w.set_requires_grad(true);
  const Tensor y = ops::conv2d(x, w, {.padding = Padding::same()});
  EXPECT_EQ(y.shape(), Shape({0, 4, 4, 2}));
  backward(y, Tensor::empty(y.shape(), DType::float32, device()));
  EXPECT_EQ(x.grad().shape(), x.shape());
  EXPECT_TRUE(close(w.grad(), std::vector<double>(18, 0.0), kExact));
}

TEST_P(Conv2dTest, SameBits) {
  for (const Case& c : larger_cases()) {
    SCOPED_TRACE(c.name);
    expect_same_bits(convolution(c.options), inputs_of(c));
  }
}

TEST_P(Conv2dTest, SameBitsOnSeveralThreads) {
  for (const Case& c : {Case{"lenet 1", {64, 28, 28, 1}, {24, 5, 5, 1}, {}},
                        Case{"lenet 2", {64, 12, 12, 24}, {32, 3, 3, 24}, {}}}) {
    SCOPED_TRACE(c.name);
    expect_same_bits_on_several_threads(convolution(c.options), inputs_of(c));
  }
}

TEST_P(Conv2dTest, RefusesTwoDevices) {
  if (device() == Device::cpu) GTEST_SKIP() << "needs a second device";
  EXPECT_TRUE(fails("conv2d: one operand is on the gpu, the other on the cpu", [&] {
    ops::conv2d(Tensor::zeros({1, 3, 3, 1}, DType::float32, device()), Tensor::zeros({1, 2, 2, 1}));
  }));
}

TEST(Conv2dGradientTest, MatchesCentralDifferences) {
  for (const Case& c : small_cases())
    EXPECT_TRUE(gradients_match(convolution(c.options), inputs_of(c))) << c.name;
}

TEST(Conv2dErrorTest, SaysWhatDoesNotFit) {
  const auto run = [](const Shape& input, const Shape& weight, const Conv2dOptions& options = {},
                      DType dtype = DType::float32, DType weight_dtype = DType::float32) {
    return [=] {
      ops::conv2d(Tensor::zeros(input, dtype), Tensor::zeros(weight, weight_dtype), options);
    };
  };
  EXPECT_TRUE(
      fails("conv2d: expected input (N, H, W, C) and weight (K, R, S, C / groups), got "
            "(4, 4, 1) and (2, 3, 3, 1)",
            run({4, 4, 1}, {2, 3, 3, 1})));
  EXPECT_TRUE(fails("conv2d: expected input", run({1, 4, 4, 1}, {2, 3, 3})));
  EXPECT_TRUE(
      fails("conv2d: weight (2, 3, 3, 4) takes 4 channels, but input (1, 4, 4, 3) has 3 in "
            "each of 1 groups",
            run({1, 4, 4, 3}, {2, 3, 3, 4})));
  EXPECT_TRUE(fails("conv2d: 2 groups do not divide 3 input and 4 output channels",
                    run({1, 4, 4, 3}, {4, 3, 3, 1}, {.groups = 2})));
  EXPECT_TRUE(fails("conv2d: 2 groups do not divide 4 input and 3 output channels",
                    run({1, 4, 4, 4}, {3, 3, 3, 2}, {.groups = 2})));
  EXPECT_TRUE(
      fails("conv2d: 0 groups do not divide", run({1, 4, 4, 4}, {3, 3, 3, 4}, {.groups = 0})));
  EXPECT_TRUE(fails("conv2d: a window spanning 5 does not fit an image of height 4",
                    run({1, 4, 6, 1}, {1, 5, 5, 1})));
  EXPECT_TRUE(fails("conv2d: a window spanning 5 does not fit an image of width 4",
                    run({1, 6, 4, 1}, {1, 3, 3, 1}, {.dilation = {1, 2}})));
  EXPECT_TRUE(fails("conv2d: window 3, stride 0 and dilation 1 along the width",
                    run({1, 4, 4, 1}, {1, 3, 3, 1}, {.stride = {1, 0}})));
  EXPECT_TRUE(fails("conv2d: input is float32, but weight is float64",
                    run({1, 4, 4, 1}, {1, 3, 3, 1}, {}, DType::float32, DType::float64)));
  EXPECT_TRUE(fails("conv2d: expected a floating tensor, got uint8",
                    run({1, 4, 4, 1}, {1, 3, 3, 1}, {}, DType::uint8)));
}

}  // namespace
}  // namespace strata::test
