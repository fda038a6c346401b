#include "nn/schedule.h"

#include <cmath>

#include "tests/support/compare.h"

namespace strata::test {
namespace {

using nn::ScheduleKind;

TEST(MakeScheduleTest, TheUsualOneCycle) {
  const nn::Schedule usual = nn::make_schedule(ScheduleKind::one_cycle, 0.5, 100);
  const nn::Schedule other =
      nn::one_cycle(0.5, 100, {.warmup_fraction = 0.1, .start_divisor = 5, .final_divisor = 2});
  EXPECT_FLOAT_EQ(usual.at(0), 0.02f);
  EXPECT_FLOAT_EQ(usual.at(29), 0.5f);
  EXPECT_FLOAT_EQ(usual.at(99), 2e-6f);
  EXPECT_FLOAT_EQ(other.at(0), 0.1f);
  EXPECT_FLOAT_EQ(other.at(9), 0.5f);
  EXPECT_FLOAT_EQ(other.at(99), 0.05f);
}

TEST(MakeScheduleTest, RefusesWhatMakesNoSense) {
  for (double peak : {0.0, -1.0, double(NAN), double(INFINITY)})
    EXPECT_TRUE(fails("the learning rate must be above 0 and finite",
                      [&] { nn::make_schedule(ScheduleKind::constant, peak, 10); }));
  EXPECT_TRUE(fails("needs at least one step, got 0",
                    [] { nn::make_schedule(ScheduleKind::cosine, 1, 0); }));
  EXPECT_TRUE(fails("warmup_fraction must lie in [0, 1], got 1.5",
                    [] { nn::one_cycle(1, 10, {.warmup_fraction = 1.5}); }));
  EXPECT_TRUE(fails("must be at least 1, got 0 and 10000",
                    [] { nn::one_cycle(1, 10, {.start_divisor = 0}); }));
}

}  // namespace
}  // namespace strata::test
