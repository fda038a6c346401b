#include "ops/dense.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::Activation;

class DenseTest : public RungTest {};
STRATA_ON_EVERY_RUNG(DenseTest);

struct Case {
  int64_t rows, inputs, outputs;
  bool has_bias;
  Activation activation;
};

std::vector<Tensor> inputs_of(const Case& c) {
  std::vector<Tensor> inputs = {random_tensor({c.rows, c.inputs}, 1),
                                random_tensor({c.outputs, c.inputs}, 2)};
  if (c.has_bias) inputs.push_back(random_tensor({c.outputs}, 3));
  return inputs;
}

Function layer(const Case& c) {
  return [c](const auto& inputs) {
    return ops::dense(inputs[0], inputs[1], c.has_bias ? inputs[2] : Tensor(), c.activation);
  };
}

std::string describe(const Case& c) {
  return fmt::format("{} rows, {} to {}{}{}", c.rows, c.inputs, c.outputs,
                     c.has_bias ? ", bias" : "", c.activation == Activation::relu ? ", ReLU" : "");
}

template <class Body>
void for_each_case(std::initializer_list<std::array<int64_t, 3>> sizes, Body&& body) {
  for (const auto& [rows, inputs, outputs] : sizes) {
    for (const bool has_bias : {true, false}) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        const Case c{rows, inputs, outputs, has_bias, activation};
        SCOPED_TRACE(describe(c));
        body(c);
      }
    }
  }
}

TEST_P(DenseTest, KnownValues) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, -1}, {2, 2}, device());
  const Tensor w = Tensor::from(std::vector<float>{1, 1, 2, -3, 0, 1}, {3, 2}, device());
  const Tensor b = Tensor::from(std::vector<float>{0.5, 1, -2}, {3}, device());
  EXPECT_TRUE(close(ops::dense(x, w, Tensor()), {3, -4, 2, 2, 9, -1}, kExact));
  EXPECT_TRUE(close(ops::dense(x, w, b), {3.5, -3, 0, 2.5, 10, -3}, kExact));
  EXPECT_TRUE(close(ops::dense(x, w, b, Activation::relu), {3.5, 0, 0, 2.5, 10, 0}, kExact));
}

TEST_P(DenseTest, KnownGradients) {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 3, -1}, {2, 2}, device());
  Tensor w = Tensor::from(std::vector<float>{1, 1, 2, -3}, {2, 2}, device());
  Tensor b = Tensor::from(std::vector<float>{0.5, 1}, {2}, device());
  for (Tensor* leaf : {&x, &w, &b}) leaf->set_requires_grad(true);
  const Tensor g = Tensor::from(std::vector<float>{1, 10, 100, 1000}, {2, 2}, device());
  backward(ops::dense(x, w, b, Activation::relu), g);  // z = 3.5, -3, 2.5, 10: the 10 is masked
  EXPECT_TRUE(close(x.grad(), {1, 1, 2100, -2900}, kExact));
  EXPECT_TRUE(close(w.grad(), {301, -98, 3000, -1000}, kExact));
  EXPECT_TRUE(close(b.grad(), {101, 1000}, kExact));
}

TEST_P(DenseTest, MatchesReference) {
  for_each_case({{1, 1, 1}, {3, 5, 7}, {16, 32, 16}, {17, 33, 10}, {1, 40, 65}, {65, 3, 1}},
                [&](const Case& c) { expect_matches_reference(layer(c), inputs_of(c)); });
}

TEST_P(DenseTest, OnlyTheGradientsAskedFor) {
  const Case c{5, 6, 7, true, Activation::relu};
  for (size_t asked = 0; asked < 3; ++asked) {
    SCOPED_TRACE(asked);
    std::vector<Tensor> some, all;
    for (const Tensor& input : inputs_of(c)) {
      some.push_back(converted(input, DType::float32, device()));
      all.push_back(some.back().clone().set_requires_grad(true));
    }
    some[asked].set_requires_grad(true);
    const Tensor g = random_tensor({c.rows, c.outputs}, 4, -1, 1, DType::float32).to(device());
    backward(layer(c)(some), g);
    backward(layer(c)(all), g);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(some[i].grad().defined(), i == asked);
    EXPECT_TRUE(close(some[asked].grad(), all[asked].grad()));
  }
}

TEST_P(DenseTest, NoRows) {
  for_each_case({{0, 3, 2}}, [&](const Case& c) {
    std::vector<Tensor> inputs;
    for (const Tensor& input : inputs_of(c))
      inputs.push_back(converted(input, DType::float32, device()).set_requires_grad(true));
    const Tensor output = layer(c)(inputs);
    EXPECT_EQ(output.shape(), Shape({0, 2}));
    backward(output, Tensor::empty({0, 2}, DType::float32, device()));
    EXPECT_TRUE(close(inputs[1].grad(), {0, 0, 0, 0, 0, 0}, kExact));
    if (c.has_bias) {
      EXPECT_TRUE(close(inputs[2].grad(), {0, 0}, kExact));
    }
  });
}

TEST_P(DenseTest, ReluKeepsNan) {
  if (on_onednn()) GTEST_SKIP() << kOnednnHidesNan;
  const Tensor x = Tensor::from(std::vector<float>{NAN}, {1, 1}, device());
  const Tensor w = Tensor::from(std::vector<float>{1}, {1, 1}, device());
  EXPECT_TRUE(std::isnan(ops::dense(x, w, Tensor(), Activation::relu).to_vector<float>()[0]));
}

TEST_P(DenseTest, SameBits) {
  for_each_case({{150, 70, 40}}, [&](const Case& c) { expect_same_bits(layer(c), inputs_of(c)); });
}

TEST_P(DenseTest, SameBitsOnSeveralThreads) {
  for_each_case({{256, 512, 300}}, [&](const Case& c) {
    expect_same_bits_on_several_threads(layer(c), inputs_of(c));
  });
}

TEST_P(DenseTest, RefusesTwoDevices) {
  if (device() == Device::cpu) GTEST_SKIP() << "needs a second device";
  EXPECT_TRUE(fails("dense: one operand is on the gpu, the other on the cpu", [&] {
    ops::dense(Tensor::zeros({2, 2}, DType::float32, device()), Tensor::zeros({2, 2}), Tensor());
  }));
}

TEST(DenseGradientTest, MatchesCentralDifferences) {
  for_each_case({{4, 3, 5}},
                [](const Case& c) { EXPECT_TRUE(gradients_match(layer(c), inputs_of(c))); });
}

TEST(DenseErrorTest, SaysWhatDoesNotFit) {
  const auto run = [](const Shape& input, const Shape& weight, const Shape& bias,
                      DType dtype = DType::float32, DType other = DType::float32) {
    return [=] {
      ops::dense(Tensor::zeros(input, dtype), Tensor::zeros(weight, other),
                 Tensor::zeros(bias, DType::float32));
    };
  };
  EXPECT_TRUE(
      fails("dense: weight (4, 5) takes rows of 5, but input is (2, 3)", run({2, 3}, {4, 5}, {4})));
  EXPECT_TRUE(fails("dense: expected input (N, I) and weight (O, I), got (2, 3, 1) and (4, 3)",
                    run({2, 3, 1}, {4, 3}, {4})));
  EXPECT_TRUE(fails("dense: expected a bias (4), got (1, 4)", run({2, 3}, {4, 3}, {1, 4})));
  EXPECT_TRUE(fails("dense: input is float32, but weight is float64",
                    run({2, 3}, {4, 3}, {4}, DType::float32, DType::float64)));
  EXPECT_TRUE(fails("dense: input is float64, but bias is float32",
                    run({2, 3}, {4, 3}, {4}, DType::float64, DType::float64)));
  EXPECT_TRUE(fails("dense: expected a floating tensor, got uint8",
                    run({2, 3}, {4, 3}, {4}, DType::uint8, DType::uint8)));
}

}  // namespace
}  // namespace strata::test
