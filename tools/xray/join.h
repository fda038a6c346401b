// From what was recorded of a step to a view of it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tensor/cuda/activity.h"
#include "tensor/trace.h"
#include "tools/xray/xray.h"

namespace strata::xray {

/// What was recorded, in the steady clock's nanoseconds.
struct Record {
  std::vector<TraceSpan> spans = {};      // of the step
  std::vector<TraceSpan> recording = {};  // of the recording of its graph, if it is one
  std::vector<TraceLaunch> launches = {};
  std::vector<cuda::Activity> activities = {};
  std::map<int64_t, int64_t> between_events = {};  // nanoseconds by span, where CUPTI is not there
  int64_t begin = 0, end = 0;
};

/// Puts the layers together:
/// - a call of the runtime or the driver under the span that it names, or under the call in which
///   it was made;
/// - the work of the GPU under the call with its correlation id or, if it is of a graph, under the
///   span in which it was recorded, with the launch of the graph as `launched_by`;
/// - our own launches' places with the kernels that they queued.
/// Calls that no span asked for, such as another thread's, are left out. Fills in everything of a
/// view but its name, description and `untraced`.
View join(const Record& record, const std::optional<Roofline>& roofline);

/// A kernel's name without arguments, template arguments and our own namespaces:
/// "narrow_forward_kernel".
std::string short_kernel_name(std::string_view demangled);

}  // namespace strata::xray
