// What the probes of Strata itself share: its exceptions as statuses, numbers fit for a report.
#pragma once

#include <cmath>
#include <exception>

#include "tools/stack_check/probe/reporter.h"

namespace strata::stack_probe {

/// JSON has neither infinity nor NaN: a number that is not finite is reported as this one, which
/// every band and tolerance refuses.
inline constexpr double kNotFinite = 1e30;

inline double reportable(double value) {
  return std::isfinite(value) ? value : kNotFinite;
}

/// Calls `work`; what it throws (strata::Error, no memory) becomes a status with its message.
template <class Function>
Status attempt(Function&& work) {
  try {
    work();
    return {};
  } catch (const std::exception& error) {
    return {.code = 1, .name = "strata::Error", .words = error.what()};
  }
}

}  // namespace strata::stack_probe
