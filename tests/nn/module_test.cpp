#include "nn/module.h"

#include "nn/activations.h"
#include "nn/dense.h"
#include "nn/sequential.h"
#include "nn/summary.h"
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
