#include "tensor/cuda/timer.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

#include "tensor/cuda/branches.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/graph.h"
#include "tensor/owned.h"

namespace strata::cuda {
namespace {

using Event = Owned<cudaEvent_t>;

Event make_event() {
  cudaEvent_t created = nullptr;
  STRATA_CUDA(cudaEventCreate(&created));
  return {created, [](cudaEvent_t event) noexcept { cudaEventDestroy(event); }};
}

double microseconds_between(const Event& start, const Event& stop) {
  float milliseconds = 0;
  STRATA_CUDA(cudaEventSynchronize(stop.get()));
  STRATA_CUDA(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
  return 1e3 * milliseconds;
}

/// Once, with what the host takes to queue it.
double time_once(const std::function<void()>& work, const Event& start, const Event& stop) {
  STRATA_CUDA(cudaEventRecord(start.get(), stream()));
  work();
  STRATA_CUDA(cudaEventRecord(stop.get(), stream()));
  return microseconds_between(start, stop);
}

}  // namespace

double time_work(const std::function<void()>& work) {
  constexpr double kReplay = 400;  // microseconds: the clock's steps and the launch are lost in it
  constexpr int kMostRepeats = 20;
  const Event start = make_event(), stop = make_event();
  const double once = time_once(work, start, stop);
  const int repeats = static_cast<int>(std::clamp<double>(kReplay / once, 1, kMostRepeats));
  const Graph graph = Graph::capture([&] {
    for (int i = 0; i < repeats; ++i) {
      work();
      join_branches();  // one run after the other
    }
  });
  const auto replay = [&] { graph.launch(); };
  replay();
  std::array<double, 5> times{};
  for (double& time : times) time = time_once(replay, start, stop) / repeats;
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace strata::cuda
