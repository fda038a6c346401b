#include "examples/one_convolution/level.h"

#include <algorithm>
#include <chrono>

#include "tensor/build_config.h"
#include "tensor/cuda/context.h"

namespace strata::one_convolution {

double median_microseconds(const std::function<void()>& call) {
  for (int i = 0; i < kWarmUps; ++i) call();
  std::vector<double> times(kTimedRuns);
  for (double& time : times) {
    const auto start = std::chrono::steady_clock::now();
    call();
    time =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  }
  std::ranges::nth_element(times, times.begin() + kTimedRuns / 2);
  return times[kTimedRuns / 2];
}

void wait_for(Device device) {
  if constexpr (kHasCuda)  // a build without GPU code has no function to wait with
    if (device == Device::gpu) cuda::synchronize();
}

}  // namespace strata::one_convolution
