#include "ops/record_metrics.h"

#include <cmath>
#include <optional>

#include "ops/advance_step.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class RecordMetricsTest : public RungTest {
 protected:
  void record(float loss, int32_t correct) {
    Tensor count = Tensor::from(std::vector<int32_t>{correct}, {1}, device());
    ops::record_metrics(Tensor::from(std::vector<float>{loss}, {}, device()), count, *state_,
                        *metrics_);
    EXPECT_EQ(count.item<int32_t>(), 0) << "the count is moved";
    ops::advance_step(*state_, {.peak = 0.1});
  }
  void start(int64_t steps) {
    state_ = ops::first_step({.peak = 0.1}, device());
    metrics_ = ops::StepMetrics::of(steps, device());
  }
  std::optional<ops::StepState> state_;
  std::optional<ops::StepMetrics> metrics_;
};
STRATA_ON_EVERY_RUNG(RecordMetricsTest);

TEST_P(RecordMetricsTest, KeepsTheLastSteps) {
  start(3);
  for (int step = 0; step < 4; ++step) record(1.5f * static_cast<float>(step), 10 + step);
  EXPECT_TRUE(close(metrics_->losses, {4.5, 1.5, 3}, kExact));
  EXPECT_TRUE(close(metrics_->correct, {13, 11, 12}, kExact));
  EXPECT_EQ(state_->diverged_at.item<int32_t>(), -1);
}

TEST_P(RecordMetricsTest, RemembersTheFirstLossThatIsNotFinite) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    start(2);
    for (float loss : {1.0f, 2.0f, bad, 3.0f, bad}) record(loss, 0);
    EXPECT_EQ(state_->diverged_at.item<int32_t>(), 2) << bad;
  }
}

TEST(RecordMetricsErrorTest, NamesWhatDoesNotFit) {
  ops::StepState state = ops::first_step({.peak = 0.1}, Device::cpu);
  ops::StepMetrics metrics = ops::StepMetrics::of(2, Device::cpu);
  Tensor loss = Tensor::zeros({}), count = Tensor::zeros({}, DType::int32);
  EXPECT_TRUE(fails("the loss must be one float32, got float32 (2)",
                    [&] { ops::record_metrics(Tensor::zeros({2}), count, state, metrics); }));
  EXPECT_TRUE(fails("the count must be one int32, got float32 ()",
                    [&] { ops::record_metrics(loss, loss, state, metrics); }));
  EXPECT_TRUE(fails("room for at least one step", [] { ops::StepMetrics::of(0, Device::cpu); }));
}

}  // namespace
}  // namespace strata::test
