#include "ops/schedule.h"

#include <gtest/gtest.h>

namespace strata::test {
namespace {

using ops::Schedule;
using ops::ScheduleKind;

// The formulas are evaluated in double and rounded once.
constexpr double kRelative = 1e-6;

TEST(ScheduleTest, ConstantKeepsItsPeak) {
  const Schedule schedule{.peak = 0.25, .total_steps = 10};
  for (int step : {0, 5, 9, 100}) EXPECT_EQ(schedule.at(step), 0.25f);
}

TEST(ScheduleTest, CosineFallsFromThePeak) {
  const Schedule schedule{.kind = ScheduleKind::cosine, .peak = 2, .total_steps = 4};
  EXPECT_FLOAT_EQ(schedule.at(0), 2.0f);
  EXPECT_NEAR(schedule.at(1), 1.7071067811865475, kRelative);  // 1 + cos(pi/4)
  EXPECT_NEAR(schedule.at(2), 1.0, kRelative);
  EXPECT_NEAR(schedule.at(3), 0.2928932188134525, kRelative);
  EXPECT_EQ(schedule.at(4), schedule.at(3)) << "beyond the last step the rate stays";
}

// The numbers of torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10) with its defaults:
// the rise ends at step 0.3 * 10 - 1 = 2.
TEST(ScheduleTest, OneCycleHasThePublishedValues) {
  const Schedule schedule{.kind = ScheduleKind::one_cycle, .peak = 1, .total_steps = 10};
  const double expected[] = {0.04,       0.52,       1.0,        0.95048463, 0.81174501,
                             0.61126125, 0.38874275, 0.18825899, 0.04951937, 4e-6};
  for (int step = 0; step < 10; ++step) EXPECT_NEAR(schedule.at(step), expected[step], kRelative);
  EXPECT_EQ(schedule.at(10), schedule.at(9));
}

TEST(ScheduleTest, OneCycleWithoutARiseOrWithNothingElseStaysFinite) {
  Schedule schedule{.kind = ScheduleKind::one_cycle, .peak = 1, .total_steps = 4};
  schedule.warmup_fraction = 0;
  for (int step = 0; step < 4; ++step) EXPECT_LE(schedule.at(step), 1.0f) << step;
  schedule.warmup_fraction = 1;
  EXPECT_FLOAT_EQ(schedule.at(0), 0.04f);
  EXPECT_FLOAT_EQ(schedule.at(3), 1.0f);
  schedule.total_steps = 1;
  EXPECT_FLOAT_EQ(schedule.at(0), 1.0f);
}

}  // namespace
}  // namespace strata::test
