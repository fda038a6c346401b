#include "ops/softmax.h"

#include <cmath>

#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class SoftmaxTest : public RungTest {};
STRATA_ON_EVERY_RUNG(SoftmaxTest);

using SoftmaxOp = Tensor (*)(const Tensor&);
const std::pair<const char*, SoftmaxOp> kOps[] = {{"softmax", ops::softmax},
                                                  {"log_softmax", ops::log_softmax}};

TEST_P(SoftmaxTest, KnownValues) {
  // e^0 : e^(ln 3) = 1 : 3
  const float ln3 = std::log(3.0f);
  const Tensor x = Tensor::from(std::vector<float>{0, ln3, 5, 5}, {2, 2}, device());
  EXPECT_TRUE(close(ops::softmax(x), {0.25, 0.75, 0.5, 0.5}));
  EXPECT_TRUE(close(ops::log_softmax(x),
                    {std::log(0.25), std::log(0.75), std::log(0.5), std::log(0.5)}));
}

TEST_P(SoftmaxTest, LargeInputsDoNotOverflow) {
  const Tensor x = Tensor::from(std::vector<float>{1000, 0, -1000}, {1, 3}, device());
  EXPECT_TRUE(close(ops::softmax(x), {1, 0, 0}));
  EXPECT_TRUE(close(ops::log_softmax(x), {0, -1000, -2000}));
}

TEST_P(SoftmaxTest, MatchesReference) {
  for (const auto& [name, op] : kOps) {
    for (const Shape& shape : {Shape{1}, Shape{10}, Shape{3, 1}, Shape{7, 10}, Shape{2, 3, 5, 33},
                               Shape{2, 2000}, Shape{1025, 4}}) {
      SCOPED_TRACE(fmt::format("{} {}", name, shape));
      expect_matches_reference([op = op](const auto& inputs) { return op(inputs[0]); },
                               {random_tensor(shape, 1, -4, 4)});
    }
  }
}

TEST_P(SoftmaxTest, NoRows) {
  for (const auto& [name, op] : kOps)
    EXPECT_EQ(op(Tensor::empty({0, 3}, DType::float32, device())).shape(), Shape({0, 3})) << name;
}

TEST(SoftmaxGradientTest, MatchesCentralDifferences) {
  for (const auto& [name, op] : kOps) {
    EXPECT_TRUE(gradients_match([op = op](const auto& inputs) { return op(inputs[0]); },
                                {random_tensor({2, 3, 4}, 5, -2, 2)}))
        << name;
  }
}

TEST(SoftmaxErrorTest, SaysWhatDoesNotFit) {
  EXPECT_TRUE(fails("softmax: the last axis must have at least one element, got (3, 0)",
                    [] { ops::softmax(Tensor::zeros({3, 0})); }));
  EXPECT_TRUE(fails("log_softmax: the last axis must have at least one element, got ()",
                    [] { ops::log_softmax(Tensor::zeros({})); }));
  EXPECT_TRUE(fails("softmax: expected a floating tensor, got int32",
                    [] { ops::softmax(Tensor::zeros({3}, DType::int32)); }));
}

}  // namespace
}  // namespace strata::test
