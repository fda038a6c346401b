// Keeping the spans of a thread.
#pragma once

#include <vector>

#include "tensor/trace.h"

namespace strata::xray {

/// Keeps spans as they close, and passes them on to who ties the lower layers to them.
class SpanRecorder : public TraceListener {
 public:
  explicit SpanRecorder(TraceListener* below = nullptr) : below_(below) {}

  void opened(const TraceSpan& span) override {
    if (below_) below_->opened(span);
  }
  void closed(const TraceSpan& span) override {
    if (below_) below_->closed(span);
    spans.push_back(span);
  }
  void launched(const TraceLaunch& launch) override { launches.push_back(launch); }

  std::vector<TraceSpan> spans;
  std::vector<TraceLaunch> launches;

 private:
  TraceListener* below_;
};

}  // namespace strata::xray
