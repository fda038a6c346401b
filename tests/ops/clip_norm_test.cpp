#include "ops/clip_norm.h"

#include <cmath>

#include "tensor/parallel.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class ClipNormTest : public RungTest {};
STRATA_ON_EVERY_RUNG(ClipNormTest);

Tensor vector(const std::vector<float>& values, Device device) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())}, device);
}

TEST_P(ClipNormTest, ByHand) {
  Tensor gradients = vector({3, -4, 0}, device());
  EXPECT_TRUE(close(ops::clip_norm(gradients, 10), {5.0}, kExact));
  EXPECT_TRUE(close(gradients, {3, -4, 0}, kExact));
  EXPECT_TRUE(close(ops::clip_norm(gradients, 2.5), {5.0}, kExact));
  EXPECT_TRUE(close(gradients, {1.5, -2, 0}, kExact));
}

// The sum is in double and rounded once; so is the factor.
TEST_P(ClipNormTest, ManySizes) {
  for (int64_t size : {1, 7, 255, 257, 16384, 100003}) {
    const Tensor original = random_tensor({size}, 5, -1, 1, DType::float32);
    std::vector<double> expected = values_of(original);
    double sum = 0;
    for (double g : expected) sum += g * g;
    const double norm = std::sqrt(sum);
    for (double& g : expected) g *= 0.25;
    Tensor gradients = original.clone().to(device());
    EXPECT_TRUE(close(ops::clip_norm(gradients, norm / 4), {norm}, {.relative = 1e-7})) << size;
    EXPECT_TRUE(close(gradients, expected, {.relative = 2e-7})) << size;
  }
}

TEST_P(ClipNormTest, SquaresBeyondFloatDoNotOverflow) {
  Tensor gradients = vector({3e30f, 4e30f}, device());
  EXPECT_TRUE(close(ops::clip_norm(gradients, 1), {5e30}, {.relative = 1e-6}));
  EXPECT_TRUE(close(gradients, {0.6, 0.8}, {.relative = 1e-6}));
}

TEST_P(ClipNormTest, ANormThatIsNotFiniteChangesNothing) {
  for (float bad : {NAN, INFINITY}) {
    Tensor gradients = vector({bad, 4}, device());
    EXPECT_FALSE(std::isfinite(ops::clip_norm(gradients, 1).item<float>()));
    EXPECT_EQ(gradients.to_vector<float>()[1], 4.0f);
  }
}

TEST_P(ClipNormTest, EmptyGradients) {
  Tensor gradients = Tensor::empty({0}, DType::float32, device());
  EXPECT_EQ(ops::clip_norm(gradients, 1).item<float>(), 0.0f);
}

TEST(ClipNormThreadsTest, TheNumberOfThreadsDoesNotChangeTheBits) {
  const int before = thread_count();
  const Tensor original = random_tensor({100003}, 5, -1, 1, DType::float32);
  Tensor alone = original.clone(), together = original.clone();
  set_thread_count(1);
  const Tensor norm = ops::clip_norm(alone, 1);
  set_thread_count(3);
  EXPECT_TRUE(identical(ops::clip_norm(together, 1), norm));
  EXPECT_TRUE(identical(together, alone));
  set_thread_count(before);
}

TEST(ClipNormErrorTest, RefusesBadOptions) {
  Tensor gradients = Tensor::zeros({2}), wide = Tensor::zeros({2}, DType::float64);
  EXPECT_TRUE(fails("max_norm must be above 0, got 0", [&] { ops::clip_norm(gradients, 0); }));
  EXPECT_TRUE(fails("max_norm must be above 0", [&] { ops::clip_norm(gradients, NAN); }));
  EXPECT_TRUE(fails("must be float32", [&] { ops::clip_norm(wide, 1); }));
}

}  // namespace
}  // namespace strata::test
