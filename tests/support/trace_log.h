// A listener that keeps what it is told (tensor/trace.h).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tensor/trace.h"

namespace strata::test {

struct TraceLog : TraceListener {
  void opened(const TraceSpan& span) override { events.push_back("open " + span.name); }
  void closed(const TraceSpan& span) override {
    events.push_back("close " + span.name);
    spans.push_back(span);
  }
  void launched(const TraceLaunch& launch) override { launches.push_back(launch); }

  std::vector<std::string> events;
  std::vector<TraceSpan> spans;  // in the order in which they closed
  std::vector<TraceLaunch> launches;
};

/// What `work` opens and closes, in the order in which it opened.
template <class Work>
std::vector<TraceSpan> spans_of(Work&& work) {
  TraceLog log;
  {
    const TraceListening listening(log);
    work();
  }
  std::ranges::sort(log.spans, {}, &TraceSpan::id);
  return log.spans;
}

/// The one span of this name and layer; an empty one, and a failure, unless there is one.
inline TraceSpan the_span(const std::vector<TraceSpan>& spans, TraceLayer layer,
                          std::string_view name) {
  const auto is_it = [&](const TraceSpan& s) { return s.layer == layer && s.name == name; };
  EXPECT_EQ(std::ranges::count_if(spans, is_it), 1) << name_of(layer) << " " << name;
  const auto found = std::ranges::find_if(spans, is_it);
  return found == spans.end() ? TraceSpan{} : *found;
}

}  // namespace strata::test
