// The whole training, end to end: every rung learns the same thing, and the same thing again.
#include "tests/examples/lenet_trainer.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class LenetTest : public RungTest {};
STRATA_ON_EVERY_RUNG(LenetTest);

// Sums in another order differ by some 1e-7 of their terms; ten steps of Adam, which divides by the
// gradient's size, carry that on. 1e-4 of the loss is the bound that the rungs must keep.
TEST_P(LenetTest, TenStepsGiveTheLossesOfTheReference) {
  const auto expected = [] {
    const SettingsScope reference({.kernels = Kernels::reference});
    return LenetTrainer(Device::cpu).losses_of(10);
  }();
  const std::vector<float> losses = LenetTrainer(device()).losses_of(10);
  ASSERT_EQ(losses.size(), 10u);
  for (size_t step = 0; step < losses.size(); ++step)
    EXPECT_NEAR(losses[step], expected[step], 1e-4 * expected[step]) << "step " << step;
  EXPECT_LT(losses.back(), losses.front());
}

TEST_P(LenetTest, TheSameSeedGivesTheSameBits) {
  LenetTrainer first(device()), second(device());
  first.losses_of(10);
  second.losses_of(10);
  EXPECT_TRUE(identical(first.weights(), second.weights()));
}

}  // namespace
}  // namespace strata::test
