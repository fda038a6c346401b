#include "tensor/cuda/span_timer.h"

#include <cuda_runtime_api.h>

#include <cmath>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/owned.h"

namespace strata::cuda {
namespace {

Owned<cudaEvent_t> make_event() {
  cudaEvent_t event = nullptr;
  STRATA_CUDA(cudaEventCreate(&event));
  return {event, [](cudaEvent_t handle) noexcept { cudaEventDestroy(handle); }};
}

}  // namespace

struct SpanTimer::Events {
  Owned<cudaEvent_t> begin = make_event(), end = make_event();
  bool closed = false;
};

SpanTimer::SpanTimer() = default;
SpanTimer::~SpanTimer() = default;

void SpanTimer::opened(const TraceSpan& span) {
  if (span.layer != TraceLayer::op) return;
  auto& events = events_[span.id] = std::make_unique<Events>();
  STRATA_CUDA(cudaEventRecord(events->begin.get(), stream()));
}

// A span may close while an exception passes: a second one would end the program.
void SpanTimer::closed(const TraceSpan& span) {
  const auto found = events_.find(span.id);
  if (found == events_.end()) return;
  found->second->closed = cudaEventRecord(found->second->end.get(), stream()) == cudaSuccess;
}

std::map<int64_t, int64_t> SpanTimer::take() {
  synchronize();
  std::map<int64_t, int64_t> times;
  for (const auto& [span, events] : events_) {
    if (!events->closed) continue;
    float milliseconds = 0;
    STRATA_CUDA(cudaEventElapsedTime(&milliseconds, events->begin.get(), events->end.get()));
    times[span] = std::llround(milliseconds * 1e6);
  }
  events_.clear();
  return times;
}

}  // namespace strata::cuda
