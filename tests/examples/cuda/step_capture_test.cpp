// The training of train_mnist, captured: the same bits as run eagerly, with every choice of
// kernels.
#include "nn/captured_step.h"
#include "tensor/cuda/context.h"
#include "tests/examples/lenet_trainer.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class GpuStepCaptureTest : public testing::TestWithParam<Kernels> {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};
INSTANTIATE_TEST_SUITE_P(Gpu, GpuStepCaptureTest,
                         testing::Values(Kernels::own, Kernels::library, Kernels::automatic),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(GpuStepCaptureTest, ReplayingItGivesTheBitsOfRunningIt) {
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    if (precision == Precision::bf16 && GetParam() == Kernels::library) continue;  // has none
    const SettingsScope scope({.kernels = GetParam(), .precision = precision});
    LenetTrainer eager(Device::gpu);
    const std::vector<float> losses = eager.losses_of(36);
    for (const int64_t per_launch : {1, 10}) {
      SCOPED_TRACE(fmt::format("{}, {} steps a launch", name_of(precision), per_launch));
      LenetTrainer training(Device::gpu);
      nn::CapturedStep captured(training.step(), {.steps_per_launch = per_launch});
      captured.run(36);
      EXPECT_EQ(training.step().steps_done(), 36);
      EXPECT_EQ(training.step().read_metrics().losses, losses);
      EXPECT_TRUE(identical(training.weights(), eager.weights()));
      RecordProperty(fmt::format("nodes_per_step_{}", per_launch),
                     static_cast<int>(*captured.nodes_per_step()));
    }
  }
}

// The first losses differ by what rounding to 8 bits does to the logits; after four epochs of ten
// steps, float32 has a loss of 0.2.
TEST(GpuStepPrecisionTest, LearnsWithActivationsInBFloat16) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  const auto trained_in = [](Precision precision) {
    const SettingsScope scope({.kernels = Kernels::own, .precision = precision});
    LenetTrainer training(Device::gpu);
    const float first = training.losses_of(10).front();
    return std::pair(first, training.losses_of(30).back());
  };
  const auto [exact_first, exact_last] = trained_in(Precision::fp32);
  const auto [first, last] = trained_in(Precision::bf16);
  EXPECT_NEAR(first, exact_first, 0.02 * exact_first);
  EXPECT_NE(first, exact_first);
  EXPECT_LT(last, 0.25 * first);
}

}  // namespace
}  // namespace strata::test
