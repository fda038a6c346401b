#include <cmath>

#include "nn/activations.h"
#include "nn/batch_norm.h"
#include "nn/conv2d.h"
#include "nn/dense.h"
#include "nn/dropout.h"
#include "nn/pool2d.h"
#include "nn/sequential.h"
#include "ops/unary.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using nn::Init;

class LayersTest : public RungTest {
 protected:
  nn::Builder builder() const { return {.device = device(), .seed = 3}; }
  Tensor tensor(const std::vector<float>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }
};
STRATA_ON_EVERY_RUNG(LayersTest);

TEST_P(LayersTest, DenseIsAnAffineMap) {
  nn::Builder build = builder();
  nn::Dense dense(build, 2, 3, {.activation = ops::Activation::relu});
  ASSERT_EQ(dense.parameters().size(), 2u);
  EXPECT_EQ(dense.parameters()[0].name, "weight");
  EXPECT_EQ(dense.parameters()[1].name, "bias");
  EXPECT_TRUE(close(*dense.parameters()[1].tensor, {0, 0, 0}, kExact));
  dense.parameters()[0].tensor->copy_from(tensor({1, 2, 3, 4, -5, 6}, {3, 2}));
  dense.parameters()[1].tensor->copy_from(tensor({0.5, 0, -1}, {3}));
  // (1, -2): 1 - 4 + 0.5 < 0, 3 - 8 < 0, -5 - 12 - 1 < 0; (2, 1): 4.5, 10, -5
  const Tensor output = dense(tensor({1, -2, 2, 1}, {2, 2}));
  EXPECT_EQ(output.shape(), Shape({2, 3}));
  EXPECT_TRUE(close(output, {0, 0, 0, 4.5, 10, 0}));
  EXPECT_EQ(dense.description(), "Dense 2 -> 3, ReLU");
}

TEST_P(LayersTest, DenseWithoutBias) {
  nn::Builder build = builder();
  nn::Dense dense(build, 2, 1, {.bias = false, .init = Init::constant(2)});
  ASSERT_EQ(dense.parameters().size(), 1u);
  EXPECT_TRUE(close(dense(tensor({1, -4}, {1, 2})), {-6.0}));
  EXPECT_EQ(dense.description(), "Dense 2 -> 1, no bias");
}

TEST_P(LayersTest, Conv2DAddsItsBias) {
  nn::Builder build = builder();
  nn::Conv2D conv(build, 1, 2, {2, 1}, {.init = Init::constant(1)});
  conv.parameters()[1].tensor->copy_from(tensor({10, 20}, {2}));
  const Tensor output = conv(tensor({1, 2, 3, 4}, {1, 2, 2, 1}));
  EXPECT_EQ(output.shape(), Shape({1, 1, 2, 2}));
  EXPECT_TRUE(close(output, {14, 24, 16, 26}));  // 1 + 3, 2 + 4
  EXPECT_EQ(conv.description(), "Conv2D 2x1 -> 2");
}

TEST_P(LayersTest, Conv2DPassesEveryOption) {
  nn::Builder build = builder();
  nn::Conv2D conv(build, 4, 6, {3, 3},
                  {.stride = {2, 1},
                   .padding = ops::Padding::same(),
                   .dilation = {1, 2},
                   .groups = 2,
                   .bias = false});
  ASSERT_EQ(conv.parameters().size(), 1u);
  const Tensor& weight = *conv.parameters()[0].tensor;
  EXPECT_EQ(weight.shape(), Shape({6, 3, 3, 2}));
  const Tensor input = random_tensor({2, 5, 7, 4}, 4, -1, 1, DType::float32).to(device());
  EXPECT_TRUE(identical(
      conv(input),
      ops::conv2d(
          input, weight,
          {.stride = {2, 1}, .padding = ops::Padding::same(), .dilation = {1, 2}, .groups = 2})));
  EXPECT_EQ(conv.description(),
            "Conv2D 3x3 -> 6, stride 2x1, padding same, dilation 1x2, 2 groups, no bias");
}

TEST_P(LayersTest, Pooling) {
  const Tensor input = tensor({1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 4, 1});
  nn::MaxPool2D max;
  nn::AveragePool2D average({.window = {2, 2}, .stride = {1, 1}});
  EXPECT_TRUE(close(max(input), {6, 8}, kExact));
  EXPECT_TRUE(close(average(input), {3.5, 4.5, 5.5}));
  EXPECT_EQ(max.description(), "MaxPool2D 2x2");
  EXPECT_EQ(average.description(), "AveragePool2D 2x2, stride 1x1");
  EXPECT_EQ(
      nn::MaxPool2D({.window = {3, 3}, .padding = ops::Padding::each_side(1, 0)}).description(),
      "MaxPool2D 3x3, padding 1 1 0 0");
}

TEST_P(LayersTest, ActivationsAreTheOps) {
  const Tensor input = tensor({-1, 0, 2}, {3});
  EXPECT_TRUE(identical(nn::ReLU()(input), ops::relu(input)));
  EXPECT_TRUE(identical(nn::Sigmoid()(input), ops::sigmoid(input)));
  EXPECT_TRUE(identical(nn::Tanh()(input), ops::tanh(input)));
  EXPECT_TRUE(identical(nn::Gelu()(input), ops::gelu(input)));
}

TEST_P(LayersTest, FlattenKeepsTheExamples) {
  const Tensor input = Tensor::zeros({2, 3, 4, 5}, DType::float32, device());
  EXPECT_EQ(nn::Flatten()(input).shape(), Shape({2, 60}));
  EXPECT_EQ(nn::Flatten()(Tensor::zeros({0, 3, 4}, DType::float32, device())).shape(),
            Shape({0, 12}));
}

TEST_P(LayersTest, DropoutDropsAnewInEachStepOfTrainingOnly) {
  nn::Builder build = builder();
  nn::Sequential model;
  model.add<nn::Dropout>(build, 0.5).add<nn::Dropout>(build, 0.5);
  const Tensor input = Tensor::full({4000}, 1, DType::float32, device());
  EXPECT_TRUE(fails("Dropout: call the model's set_step()", [&] { model(input); }));
  Tensor step = Tensor::zeros({1}, DType::int32, device());
  model.set_step(step);
  const Tensor first = model(input), again = model(input);
  step.copy_from(Tensor::from(std::vector<int32_t>{1}, {1}));
  const Tensor second = model(input);
  EXPECT_TRUE(identical(first, again));
  EXPECT_FALSE(identical(first, second));
  int64_t kept = 0;
  for (float value : first.to_vector<float>()) {
    EXPECT_TRUE(value == 0 || value == 4) << value;
    kept += value != 0;
  }
  EXPECT_NEAR(kept, 1000, 5 * 27.4);  // two masks of one half, unlike each other; sqrt(4000 3/16)
  model.set_training(false);
  EXPECT_TRUE(identical(model(input), input));
  EXPECT_EQ(model.children()[0].module->description(), "Dropout 0.5");
}

TEST_P(LayersTest, BatchNormUsesTheBatchInTrainingAndTheRunningStatisticsAfterwards) {
  nn::Builder build = builder();
  nn::BatchNorm norm(build, 1, {.epsilon = 1e-9, .momentum = 0.5});
  const Tensor input = tensor({1, 3, 5, 7}, {4, 1});  // mean 4, variance 5, unbiased 20/3
  EXPECT_TRUE(close(norm(input), {-1.3416408, -0.4472136, 0.4472136, 1.3416408}));
  ASSERT_EQ(norm.buffers().size(), 2u);
  EXPECT_EQ(norm.buffers()[0].name, "running_mean");
  EXPECT_TRUE(close(*norm.buffers()[0].tensor, {2.0}));
  EXPECT_TRUE(close(*norm.buffers()[1].tensor, {0.5 + 10.0 / 3}));
  norm.set_training(false);
  const double deviation = std::sqrt(0.5 + 10.0 / 3);
  EXPECT_TRUE(close(norm(input), {-1 / deviation, 1 / deviation, 3 / deviation, 5 / deviation}));
  ASSERT_EQ(norm.parameters().size(), 2u);
  EXPECT_TRUE(close(*norm.parameters()[0].tensor, {1.0}, kExact));
  EXPECT_TRUE(close(*norm.parameters()[1].tensor, {0.0}, kExact));
  EXPECT_EQ(norm.description(), "BatchNorm 1");
}

TEST_P(LayersTest, SequentialRunsInOrderAndNamesItsLayers) {
  nn::Builder build = builder();
  nn::Sequential model;
  model.add<nn::Dense>(build, 1, 1, nn::DenseOptions{.init = Init::constant(-2)})
      .add<nn::ReLU>()
      .add_named<nn::Dense>("last", build, 1, 1, nn::DenseOptions{.init = Init::constant(3)});
  EXPECT_TRUE(close(model(tensor({1, -1}, {2, 1})), {0, 6}));
  std::vector<std::string> names;
  for (const auto& parameter : model.parameters()) names.push_back(parameter.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "last.weight", "last.bias"}));
}

TEST(LayerErrorTest, NameTheLayerAndTheNumbers) {
  nn::Builder build;
  EXPECT_TRUE(fails("Dense: it needs at least 1 input and 1 output, got 0 -> 3",
                    [&] { nn::Dense(build, 0, 3); }));
  EXPECT_TRUE(fails("got 1 -> 2 with a window of 0x3", [&] { nn::Conv2D(build, 1, 2, {0, 3}); }));
  EXPECT_TRUE(fails("Conv2D: 2 groups do not divide 3 -> 4 channels", [&] {
    nn::Conv2D(build, 3, 4, {1, 1}, {.groups = 2});
  }));
  EXPECT_TRUE(fails("Dropout: the rate must lie in [0, 1), got 1", [&] { nn::Dropout(build, 1); }));
  EXPECT_TRUE(
      fails("BatchNorm: it needs at least 1 channel, got 0", [&] { nn::BatchNorm(build, 0); }));
  EXPECT_TRUE(fails("two layers are named 'a'",
                    [] { nn::Sequential().add_named<nn::ReLU>("a").add_named<nn::ReLU>("a"); }));
  EXPECT_TRUE(
      fails("'a.b' cannot name a layer", [] { nn::Sequential().add_named<nn::ReLU>("a.b"); }));
}

}  // namespace
}  // namespace strata::test
