// The comparison of rungs finds what is wrong where it arises, and says what each layer costs.
#include <gtest/gtest.h>

#include <limits>

#include "nn/activations.h"
#include "nn/dense.h"
#include "nn/digits.h"
#include "ops/binary.h"
#include "tests/support/compare.h"
#include "tools/xray/compare.h"
#include "tools/xray/costs.h"

namespace strata::test {
namespace {

/// Adds a number, of which a right one adds nothing.
class Shift : public nn::Module {
 public:
  explicit Shift(float by) : by_(by) {}
  Tensor forward(const Tensor& input) override {
    return ops::add(input, Tensor::full({}, by_, DType::float32, input.device()));
  }
  std::string description() const override { return "Shift"; }

 private:
  float by_;
};

std::unique_ptr<nn::Sequential> make_model(nn::Builder& builder, float fault) {
  auto model = std::make_unique<nn::Sequential>();
  model->add_named<nn::Flatten>("flatten")
      .add_named<Shift>("shift", fault)
      .add_named<nn::Dense>("hidden", builder, 784, 8,
                            nn::DenseOptions{.activation = ops::Activation::relu})
      .add_named<nn::Dense>("logits", builder, 8, 10);
  return model;
}

xray::Contender contender(std::string name, Kernels kernels, float fault = 0) {
  return {std::move(name), Device::cpu, kernels,
          [fault](nn::Builder& builder) { return make_model(builder, fault); }};
}

xray::CompareOptions options() {
  return {.steps = 2, .batch_size = 10, .make_optimizer = [](nn::FlatParameters& parameters) {
            return std::make_unique<nn::Adam>(parameters);
          }};
}

const nn::Dataset& digits() {
  static const nn::Dataset drawn = nn::draw_digits({.train_count = 40, .test_count = 10});
  return drawn;
}

TEST(XrayCompareTest, TheRungsOfTheCpuAgree) {
  const auto comparisons =
      xray::compare({contender("plain", Kernels::reference), contender("own", Kernels::own)},
                    digits(), options());
  ASSERT_EQ(comparisons.size(), 2);
  EXPECT_EQ(comparisons[0].tensors, 0);  // the measure of the other
  // Two steps of a batch, 4 outputs, the loss, 4 gradients and 4 parameters.
  EXPECT_EQ(comparisons[1].tensors, 2 * (1 + 4 + 1 + 4 + 4));
  EXPECT_LE(comparisons[1].worst.error, comparisons[1].worst.allowed);
}

TEST(XrayCompareTest, StopsAtTheFirstTensorThatIsOff) {
  EXPECT_TRUE(fails(ErrorKind::device,
                    "broken is wrong at step 1 in the output of shift (add): it is off by", [] {
                      xray::compare({contender("plain", Kernels::reference),
                                     contender("broken", Kernels::own, 1e-3f)},
                                    digits(), options());
                    }));
}

TEST(XrayCompareTest, ANumberThatIsNotFiniteIsOff) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(
      fails(ErrorKind::device, "broken is wrong at step 1 in the output of shift (add)", [&] {
        xray::compare(
            {contender("plain", Kernels::reference), contender("broken", Kernels::own, nan)},
            digits(), options());
      }));
}

TEST(XrayCompareTest, CountsErrorsByTheLargestNumber) {
  const auto tensor = [](std::vector<float> values) {
    const Shape shape{static_cast<int64_t>(values.size())};
    return Tensor::from(values, shape);
  };
  EXPECT_DOUBLE_EQ(xray::error_of(tensor({1, -4, 2.5}), tensor({1, -4, 2})), 0.125);
  EXPECT_EQ(xray::error_of(tensor({0, 0}), tensor({0, 0})), 0);
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(xray::error_of(tensor({0, 1e-9f}), tensor({0, 0})), infinite);
  EXPECT_EQ(xray::error_of(tensor({1}), tensor({1, 1})), infinite);
}

TEST(XrayCostsTest, AddsUpALayersOps) {
  using xray::Layer;
  xray::View view;
  const auto add = [&](xray::Node node) {
    node.track = "host";
    view.nodes.push_back(std::move(node));
  };
  add({.id = 1, .layer = Layer::phase, .name = "forward", .end = 100});
  add({.id = 2, .parent = 1, .layer = Layer::module, .name = "model", .end = 90});
  add({.id = 3, .parent = 2, .layer = Layer::module, .name = "conv1", .end = 50});
  add({.id = 4, .parent = 3, .layer = Layer::op, .name = "stage", .begin = 5, .end = 45});
  add({.id = 5, .parent = 4, .layer = Layer::op, .name = "conv2d", .begin = 10, .end = 40});
  add({.id = 6, .layer = Layer::op, .name = "relu", .begin = 100, .end = 107, .backward_of = 5});
  add({.id = 7, .layer = Layer::op, .name = "conv2d", .begin = 110, .end = 120, .backward_of = 5});
  add({.id = 8, .layer = Layer::op, .name = "adam_update", .begin = 120, .end = 123});
  const std::vector<xray::Cost> costs = xray::costs_by_layer(view);
  ASSERT_EQ(costs.size(), 3);
  EXPECT_EQ(costs[0].what, "conv1");
  EXPECT_EQ(costs[0].nanoseconds, 40);  // the op inside is a part of it
  EXPECT_EQ(costs[1].what, "conv1, gradient");
  EXPECT_EQ(costs[1].nanoseconds, 17);
  EXPECT_EQ(costs[2].what, "adam_update");
  EXPECT_EQ(costs[2].nanoseconds, 3);
}

}  // namespace
}  // namespace strata::test
