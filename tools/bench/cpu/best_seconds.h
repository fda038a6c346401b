// Timing for ceilings of the CPU.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>

namespace strata::bench::cpu {

/// The best of the runs of a tenth of a second, after one to warm up: a ceiling is what can be
/// reached, so what slows a run does not count.
inline double best_seconds(const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRuns = 5;  // at least
  work();
  double best = std::numeric_limits<double>::infinity();
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(100);
  for (int run = 0; run < kRuns || Clock::now() < end; ++run) {
    const Clock::time_point start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace strata::bench::cpu
