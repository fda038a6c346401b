#include "ops/unary.h"

#include <cmath>

#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class UnaryTest : public RungTest {};
STRATA_ON_EVERY_RUNG(UnaryTest);

using UnaryOp = Tensor (*)(const Tensor&);
struct Case {
  const char* name;
  UnaryOp op;
  double low, high;  // the domain, away from its edge
};
const Case kCases[] = {{"negate", ops::negate, -2, 2},   {"exp", ops::exp, -2, 2},
                       {"log", ops::log, 0.2, 3},        {"sqrt", ops::sqrt, 0.2, 3},
                       {"relu", ops::relu, 0.1, 2},      {"relu below 0", ops::relu, -2, -0.1},
                       {"sigmoid", ops::sigmoid, -3, 3}, {"tanh", ops::tanh, -2, 2},
                       {"gelu", ops::gelu, -3, 3}};

TEST_P(UnaryTest, KnownValues) {
  const Tensor x = Tensor::from(std::vector<float>{-2, 0, 1, 4}, {4}, device());
  EXPECT_TRUE(close(ops::negate(x), {2, 0, -1, -4}, kExact));
  EXPECT_TRUE(close(ops::relu(x), {0, 0, 1, 4}, kExact));
  EXPECT_TRUE(close(ops::exp(x), {0.1353352832, 1, 2.7182818285, 54.598150033}));
  EXPECT_TRUE(close(ops::sigmoid(x), {0.1192029220, 0.5, 0.7310585786, 0.9820137900}));
  EXPECT_TRUE(close(ops::tanh(x), {-0.9640275801, 0, 0.7615941560, 0.9993292997}));
  EXPECT_TRUE(close(ops::gelu(x), {-0.0455002639, 0, 0.8413447461, 3.9998733150}));
  const Tensor positive = Tensor::from(std::vector<float>{0.25, 1, 4}, {3}, device());
  EXPECT_TRUE(close(ops::log(positive), {-1.3862943611, 0, 1.3862943611}));
  EXPECT_TRUE(close(ops::sqrt(positive), {0.5, 1, 2}));
}

TEST_P(UnaryTest, MatchesReference) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    for (const Shape& shape : {Shape{1}, Shape{7, 3}, Shape{2, 3, 5, 1}, Shape{100003}}) {
      expect_matches_reference([&](const auto& inputs) { return c.op(inputs[0]); },
                               {random_tensor(shape, 1, c.low, c.high)});
    }
  }
}

TEST_P(UnaryTest, EmptyTensor) {
  for (const Case& c : kCases)
    EXPECT_EQ(c.op(Tensor::empty({0, 3}, DType::float32, device())).shape(), Shape({0, 3}));
}

TEST_P(UnaryTest, ReluKeepsNan) {
  if (on_onednn()) GTEST_SKIP() << kOnednnHidesNan;
  const Tensor x = Tensor::from(std::vector<float>{NAN, 1}, {2}, device());
  EXPECT_TRUE(std::isnan(ops::relu(x).to_vector<float>()[0]));
}

TEST(UnaryGradientTest, MatchesCentralDifferences) {
  for (const Case& c : kCases) {
    EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(inputs[0]); },
                                {random_tensor({3, 4}, 2, c.low, c.high)}))
        << c.name;
  }
}

TEST(UnaryErrorTest, RefusesIntegers) {
  EXPECT_TRUE(fails("relu: expected a floating tensor, got int32",
                    [] { ops::relu(Tensor::zeros({2}, DType::int32)); }));
}

}  // namespace
}  // namespace strata::test
