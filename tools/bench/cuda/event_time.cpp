#include <cuda_runtime_api.h>

#include <algorithm>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/owned.h"
#include "tools/bench/gpu.h"

namespace strata::bench::gpu {

double seconds_between_events(const std::function<void()>& work) {
  const auto make_event = [] {
    cudaEvent_t event = nullptr;
    STRATA_CUDA(cudaEventCreate(&event));
    return Owned<cudaEvent_t>(event,
                                    [](cudaEvent_t handle) noexcept { cudaEventDestroy(handle); });
  };
  const auto begin = make_event(), end = make_event();
  STRATA_CUDA(cudaEventRecord(begin.get(), cuda::stream()));
  work();
  STRATA_CUDA(cudaEventRecord(end.get(), cuda::stream()));
  STRATA_CUDA(cudaEventSynchronize(end.get()));
  float milliseconds = 0;
  STRATA_CUDA(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
  return milliseconds / 1e3;
}

double best_seconds(const std::function<void()>& work) {
  constexpr int kRuns = 7;
  work();
  double best = 1e30;
  for (int i = 0; i < kRuns; ++i) best = std::min(best, seconds_between_events(work));
  return best;
}

}  // namespace strata::bench::gpu
