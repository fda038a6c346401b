#include "nn/module.h"

#include "nn/activations.h"
#include "nn/dense.h"
#include "nn/sequential.h"
#include "nn/summary.h"
#include "ops/softmax_cross_entropy.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

struct Nested {
  nn::Builder build;
  nn::Sequential model;
  nn::Sequential* block;

  Nested() {
    auto inner = std::make_unique<nn::Sequential>();
    inner->add<nn::Dense>(build, 4, 3).add<nn::Tanh>();
    block = inner.get();
    model.add<nn::Flatten>().append("block", std::move(inner));
    model.add_named<nn::Dense>("out", build, 3, 2);
  }
};

TEST(ModuleTest, NamesItsDescendants) {
  const Nested nested;
  std::vector<std::string> names;
  for (const auto& inner : nested.model.descendants()) names.push_back(inner.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0", "block", "block.0", "block.1", "out"}));
}

TEST(ModuleTest, TrainingModeReachesAllAndComesBackAsItWas) {
  Nested nested;
  nested.block->set_training(false);  // a frozen part
  {
    const nn::EvaluationScope evaluation(nested.model);
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE(nested.model.training());
    for (const auto& inner : nested.model.descendants()) EXPECT_FALSE(inner.module->training());
  }
  EXPECT_TRUE(grad_enabled());
  for (const auto& inner : nested.model.descendants())
    EXPECT_EQ(inner.module->training(), inner.name.find("block") != 0) << inner.name;
}

TEST(ModuleTest, AnObserverSeesEveryCallInnerOnesFirst) {
  Nested nested;
  std::vector<std::string> seen;
  {
    const nn::ForwardObserver observer([&](const nn::Module& module, const Tensor& output) {
      seen.push_back(fmt::format("{} {}", module.description(), output.shape()));
    });
    nested.model(Tensor::zeros({1, 2, 2}));
    EXPECT_TRUE(fails("one observer at a time", [] {
      const nn::ForwardObserver second([](const nn::Module&, const Tensor&) {});
    }));
  }
  nested.model(Tensor::zeros({1, 2, 2}));
  EXPECT_EQ(seen, (std::vector<std::string>{"Flatten (1, 4)", "Dense 4 -> 3 (1, 3)", "Tanh (1, 3)",
                                            "Sequential of 2 layers (1, 3)", "Dense 3 -> 2 (1, 2)",
                                            "Sequential of 3 layers (1, 2)"}));
}

std::vector<std::string> seen_by_an_observer(const std::function<void()>& call) {
  std::vector<std::string> seen;
  const nn::ForwardObserver observer([&](const nn::Module& module, const Tensor& output) {
    seen.push_back(fmt::format("{} {}", module.description(), output.shape()));
    for (const double value : values_of(output)) seen.back() += fmt::format(" {}", value);
  });
  call();
  return seen;
}

/// Outputs of shape (3, 2) and that many labels.
void expect_the_cross_entropy_of_the_outputs(nn::Module& model, const Tensor& input) {
  const Tensor labels = Tensor::from(std::vector<int32_t>{1, 0, 1}, {3});
  const Tensor logits = model(input), expected = ops::softmax_cross_entropy(logits, labels);
  const ops::ClassificationLoss result = model.cross_entropy(input, labels);
  EXPECT_TRUE(identical(result.logits, logits));
  EXPECT_TRUE(identical(result.loss, expected));
  EXPECT_TRUE(identical(result.losses, expected));
  EXPECT_EQ(seen_by_an_observer([&] { model.cross_entropy(input, labels); }),
            seen_by_an_observer([&] { model(input); }));
}

TEST(ModuleTest, TheCrossEntropyIsThatOfTheOutputs) {
  Nested nested;
  const Tensor input = random_tensor({3, 2, 2}, 1, -1, 1, DType::float32);
  expect_the_cross_entropy_of_the_outputs(nested.model, input);
  nn::Sequential outer;  // a model whose last layer is a model
  auto inner = std::make_unique<nn::Sequential>();
  inner->add<nn::Dense>(nested.build, 4, 2);
  outer.add<nn::Flatten>().append("inner", std::move(inner));
  expect_the_cross_entropy_of_the_outputs(outer, input);
}

TEST(ModuleTest, TheCrossEntropyOfLayersThatDoNotKnowTheLoss) {
  nn::Builder build;
  const Tensor input = random_tensor({3, 2}, 1, -1, 1, DType::float32);
  nn::Dense with_relu(build, 2, 2, {.activation = ops::Activation::relu});
  expect_the_cross_entropy_of_the_outputs(with_relu, input);
  nn::Sequential ends_in_tanh, empty;
  ends_in_tanh.add<nn::Dense>(build, 2, 2).add<nn::Tanh>();
  expect_the_cross_entropy_of_the_outputs(ends_in_tanh, input);
  expect_the_cross_entropy_of_the_outputs(empty, input);
}

TEST(ModuleTest, TheCrossEntropyReachesTheParametersOfAllLayers) {
  Nested nested;
  const Tensor input = random_tensor({3, 2, 2}, 1, -1, 1, DType::float32);
  const Tensor labels = Tensor::from(std::vector<int32_t>{1, 0, 1}, {3});
  backward(ops::softmax_cross_entropy(nested.model(input), labels));
  std::vector<Tensor> expected;
  for (const auto& parameter : nested.model.parameters()) {
    expected.push_back(parameter.tensor->grad().clone());
    zero_grad(*parameter.tensor);
  }
  backward(nested.model.cross_entropy(input, labels).loss);
  const auto parameters = nested.model.parameters();
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(identical(parameters[i].tensor->grad(), expected[i])) << parameters[i].name;
}

TEST(SummaryTest, IsATable) {
  Nested nested;
  EXPECT_EQ(nn::summary(nested.model, {2, 2}),
            "layer    what it does  output  parameters\n"
            "0        Flatten       4                0\n"
            "block.0  Dense 4 -> 3  3               15\n"
            "block.1  Tanh          3                0\n"
            "out      Dense 3 -> 2  2                8\n"
            "total                                  23\n");
  EXPECT_TRUE(nested.model.training());
  EXPECT_EQ(nn::count_parameters(nested.model), 23);
}

TEST(SummaryTest, FailsAsTheLayersDo) {
  Nested nested;
  EXPECT_TRUE(fails("dense", [&] { nn::summary(nested.model, {3, 2}); }));
  EXPECT_TRUE(nested.model.training()) << "the mode must come back after an error";
}

}  // namespace
}  // namespace strata::test
