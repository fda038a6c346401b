#include "nn/schedule.h"

#include "tensor/error.h"

namespace strata::nn {

Schedule make_schedule(ScheduleKind kind, double peak, int64_t total_steps) {
  check(std::isfinite(peak) && peak > 0,
        "schedule: the learning rate must be above 0 and finite, got {}", peak);
  check(total_steps >= 1, "schedule: it needs at least one step, got {}", total_steps);
  return {.kind = kind, .peak = peak, .total_steps = total_steps};
}

Schedule one_cycle(double peak, int64_t total_steps, const OneCycleOptions& options) {
  check(options.warmup_fraction >= 0 && options.warmup_fraction <= 1,
        "schedule: warmup_fraction must lie in [0, 1], got {}", options.warmup_fraction);
  check(options.start_divisor >= 1 && options.final_divisor >= 1,
        "schedule: start_divisor and final_divisor must be at least 1, got {} and {}",
        options.start_divisor, options.final_divisor);
  Schedule schedule = make_schedule(ScheduleKind::one_cycle, peak, total_steps);
  schedule.warmup_fraction = options.warmup_fraction;
  schedule.start_divisor = options.start_divisor;
  schedule.final_divisor = options.final_divisor;
  return schedule;
}

}  // namespace strata::nn
