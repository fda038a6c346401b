// Learning-rate schedules with their arguments checked; the formulas are in ops/schedule.h.
#pragma once

#include "ops/schedule.h"

namespace strata::nn {

using ops::Schedule;
using ops::ScheduleKind;

/// A schedule of `kind` over `total_steps` whose highest rate is `peak`, with the usual values for
/// the rest. Throws `invalid_argument` unless 0 < peak < infinity and total_steps >= 1.
Schedule make_schedule(ScheduleKind kind, double peak, int64_t total_steps);

struct OneCycleOptions {
  double warmup_fraction = 0.3;  // of all steps, rising
  double start_divisor = 25;     // the first rate is peak / start_divisor
  double final_divisor = 1e4;    // the last is peak / start_divisor / final_divisor
};

/// Throws `invalid_argument` as above, and unless 0 <= warmup_fraction <= 1 and both divisors are
/// at least 1.
Schedule one_cycle(double peak, int64_t total_steps, const OneCycleOptions& options = {});

}  // namespace strata::nn
