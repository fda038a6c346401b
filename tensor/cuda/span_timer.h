// How long the GPU takes for what an op queues, by CUDA events: what is left to know where CUPTI
// cannot be had. Needs no CUDA header.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "tensor/trace.h"

namespace strata::cuda {

/// Queues an event where a span of an op opens and one where it closes. Gaps in between, in which
/// the GPU waits for its host, count.
class SpanTimer : public TraceListener {
 public:
  SpanTimer();
  ~SpanTimer() override;
  void opened(const TraceSpan& span) override;
  void closed(const TraceSpan& span) override;
  /// Nanoseconds by span, of those that have closed since the last call. Waits for the GPU.
  std::map<int64_t, int64_t> take();

 private:
  struct Events;
  std::map<int64_t, std::unique_ptr<Events>> events_;
};

}  // namespace strata::cuda
