#include "ops/bias_add.h"

#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class BiasAddTest : public RungTest {};
STRATA_ON_EVERY_RUNG(BiasAddTest);

Tensor biased(const std::vector<Tensor>& inputs) {
  return ops::bias_add(inputs[0], inputs[1]);
}

TEST_P(BiasAddTest, KnownValues) {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2}, device());
  Tensor bias = Tensor::from(std::vector<float>{10, 20}, {2}, device());
  x.set_requires_grad(true);
  bias.set_requires_grad(true);
  const Tensor y = ops::bias_add(x, bias);
  EXPECT_TRUE(close(y, {11, 22, 13, 24}, kExact));
  backward(y, Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2}, device()));
  EXPECT_TRUE(close(x.grad(), {1, 2, 3, 4}, kExact));
  EXPECT_TRUE(close(bias.grad(), {4, 6}, kExact));
}

TEST_P(BiasAddTest, MatchesReference) {
  for (const Shape& shape : {Shape{5}, Shape{7, 3}, Shape{2, 3, 4, 1}, Shape{32, 12, 12, 24}}) {
    SCOPED_TRACE(shape.to_string());
    // Sums of up to 4,608 terms of random sign.
    expect_matches_reference(biased, {random_tensor(shape, 1), random_tensor({shape[-1]}, 2)},
                             {.relative = 2e-5, .absolute = 2e-4});
  }
}

TEST_P(BiasAddTest, EmptyBatch) {
  Tensor bias = Tensor::full({3}, 1.0, DType::float32, device()).set_requires_grad(true);
  const Tensor y = ops::bias_add(Tensor::empty({0, 3}, DType::float32, device()), bias);
  EXPECT_EQ(y.shape(), Shape({0, 3}));
  backward(y, y.detach());
  EXPECT_TRUE(close(bias.grad(), {0, 0, 0}, kExact));
}

TEST(BiasAddGradientTest, MatchesCentralDifferences) {
  EXPECT_TRUE(gradients_match(biased, {random_tensor({2, 2, 3}, 3), random_tensor({3}, 4)}));
}

TEST(BiasAddErrorTest, NamesTheShapes) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(
      fails("bias_add: input (2, 3) needs a bias with one element per entry of its last "
            "axis, got (2)",
            [&] { ops::bias_add(x, Tensor::zeros({2})); }));
  EXPECT_TRUE(fails("got (1, 3)", [&] { ops::bias_add(x, Tensor::zeros({1, 3})); }));
  EXPECT_TRUE(fails("bias_add: the input is float32, the bias float64",
                    [&] { ops::bias_add(x, Tensor::zeros({3}, DType::float64)); }));
  EXPECT_TRUE(fails("bias_add: expected a floating tensor, got uint8", [&] {
    ops::bias_add(Tensor::zeros({2, 3}, DType::uint8), Tensor::zeros({3}, DType::uint8));
  }));
}

}  // namespace
}  // namespace strata::test
