// Learning-rate schedules: one formula for all rungs, so CPU and GPU give nearly the same rate.
//
// With t the step (0 is the first), T = total_steps and p = peak, each t beyond T - 1 counting as
// T - 1:
//
//   constant   p
//   cosine     p/2 (1 + cos(pi t / T))
//              Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR
//              2017, equation 5, one run without restarts
//   one_cycle  with e = warmup_fraction T - 1, the end of the rise, and the half cosine
//              a(from, to, x) = to + (from - to)/2 (1 + cos(pi x)):
//              t < e:  a(p / start_divisor, p, t / e)
//              else:   a(p, p / start_divisor / final_divisor, (t - e) / (T - 1 - e))
//              Smith and Topin, "Super-Convergence", 2018, with the cosine form and the divisors of
//              PyTorch's OneCycleLR
#pragma once

#include <cmath>
#include <cstdint>

#include "tensor/host_device.h"

namespace strata::ops {

enum class ScheduleKind { constant, cosine, one_cycle };

/// Plain data that travels to a kernel by value. nn/schedule.h builds validated ones.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double peak = 0;
  int64_t total_steps = 1;
  double warmup_fraction = 0.3;
  double start_divisor = 25;
  double final_divisor = 1e4;

  /// The learning rate of a step.
  STRATA_HOST_DEVICE float at(int64_t step) const {
    const double last = static_cast<double>(total_steps - 1);
    const double t = step < total_steps ? static_cast<double>(step) : last;
    switch (kind) {
      case ScheduleKind::constant: break;
      case ScheduleKind::cosine:
        return static_cast<float>(anneal(peak, 0, t / static_cast<double>(total_steps)));
      case ScheduleKind::one_cycle: return static_cast<float>(one_cycle(t, last));
    }
    return static_cast<float>(peak);
  }

 private:
  STRATA_HOST_DEVICE static double anneal(double from, double to, double progress) {
    constexpr double kPi = 3.14159265358979323846;
    return to + (from - to) / 2 * (1 + std::cos(kPi * progress));
  }

  STRATA_HOST_DEVICE double one_cycle(double t, double last) const {
    const double start = peak / start_divisor;
    const double rise_end = warmup_fraction * static_cast<double>(total_steps) - 1;
    if (t < rise_end) return anneal(start, peak, t / rise_end);
    if (last <= rise_end) return peak;  // the rise takes all steps
    return anneal(peak, start / final_divisor, (t - rise_end) / (last - rise_end));
  }
};

}  // namespace strata::ops
