#include "nn/optimizer.h"

#include "nn/dense.h"
#include "nn/schedule.h"
#include "nn/sequential.h"
#include "ops/softmax_cross_entropy.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

/// One weight of value 2 whose gradient is 3.
struct OneWeight {
  nn::Builder builder;
  nn::Dense layer;
  nn::FlatParameters parameters;

  explicit OneWeight(Device device)
      : builder{.device = device},
        layer(builder, 1, 1, {.bias = false, .init = nn::Init::constant(2)}),
        parameters(layer) {}

  double after(nn::Optimizer& optimizer, int steps) {
    ops::StepState state = ops::first_step({.peak = 0.5}, parameters.device());
    for (int step = 0; step < steps; ++step) {
      parameters.zero_grad();
      const Tensor input = Tensor::full({1, 1}, 3, DType::float32, parameters.device());
      backward(layer(input));
      optimizer.update(state);
    }
    return parameters.values().to_vector<float>()[0];
  }
};

class OptimizerTest : public RungTest {};
STRATA_ON_EVERY_RUNG(OptimizerTest);

TEST_P(OptimizerTest, TakesHandWorkedSteps) {
  constexpr double kRounding = 2e-6;
  OneWeight sgd(device()), momentum(device()), adam(device()), adamw(device());
  nn::SGD plain(sgd.parameters), heavy(momentum.parameters, {.momentum = 0.9});
  nn::Adam first(adam.parameters);
  nn::AdamW decayed(adamw.parameters, {.weight_decay = 0.1});
  EXPECT_NEAR(sgd.after(plain, 2), 2 - 2 * 0.5 * 3, kRounding);
  EXPECT_NEAR(momentum.after(heavy, 2), 2 - 0.5 * 3 - 0.5 * (0.9 * 3 + 3), kRounding);
  EXPECT_NEAR(adam.after(first, 2), 2 - 2 * 0.5, kRounding);  // a constant gradient: unit steps
  // 2 - 0.5 (1 + 0.1 * 2) = 1.4, then 1.4 - 0.5 (1 + 0.1 * 1.4)
  EXPECT_NEAR(adamw.after(decayed, 2), 0.83, kRounding);
}

TEST_P(OptimizerTest, LeavesThePaddingAtZero) {
  for (int which = 0; which < 2; ++which) {
    OneWeight one(device());
    nn::SGD sgd(one.parameters, {.momentum = 0.9, .weight_decay = 0.1});
    nn::AdamW adamw(one.parameters);
    one.after(which == 0 ? static_cast<nn::Optimizer&>(sgd) : adamw, 3);
    const Tensor padding = one.parameters.values().view({63}, 1);
    EXPECT_TRUE(close(padding, std::vector<double>(63, 0.0), kExact));
  }
}

TEST(OptimizerDescriptionTest, SaysTheOptions) {
  OneWeight one(Device::cpu);
  EXPECT_EQ(nn::SGD(one.parameters).description(), "SGD");
  EXPECT_EQ(nn::SGD(one.parameters, {.momentum = 0.9, .nesterov = true, .weight_decay = 0.1})
                .description(),
            "SGD, Nesterov momentum 0.9, weight decay 0.1");
  EXPECT_EQ(nn::Adam(one.parameters).description(), "Adam");
  EXPECT_EQ(nn::AdamW(one.parameters).description(), "AdamW, weight decay 0.01");
}

class XorTest : public RungTest {};
STRATA_ON_EVERY_RUNG(XorTest);

TEST_P(XorTest, AFiveLineNetworkLearnsIt) {
  nn::Builder builder{.device = device(), .seed = 1};
  nn::Sequential model;
  model.add<nn::Dense>(builder, 2, 8, nn::DenseOptions{.activation = ops::Activation::relu})
      .add<nn::Dense>(builder, 8, 2);
  nn::FlatParameters parameters(model);
  nn::Adam optimizer(parameters);

  const Tensor inputs = Tensor::from(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}, device());
  const std::vector<int32_t> answers{0, 1, 1, 0};
  const Tensor labels = Tensor::from(answers, {4}, device());
  const nn::Schedule schedule{.peak = 0.05};
  ops::StepState state = ops::first_step(schedule, device());
  Tensor loss;
  for (int step = 0; step < 400; ++step) {
    parameters.zero_grad();
    loss = ops::softmax_cross_entropy(model(inputs), labels);
    backward(loss);
    optimizer.update(state);
  }
  EXPECT_LT(loss.item<float>(), 1e-2f);
  const std::vector<float> logits = model(inputs).to_vector<float>();
  for (size_t i = 0; i < answers.size(); ++i)
    EXPECT_EQ(logits[2 * i + 1] > logits[2 * i], answers[i] == 1) << "row " << i;
}

}  // namespace
}  // namespace strata::test
