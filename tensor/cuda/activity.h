// What the CUDA runtime, the driver and the GPU did, as CUPTI records it: the layers below the
// spans of trace.h, tied to them. Needs no CUDA header.
//
// The tie is an external correlation id: opening a span tells CUPTI its id, and CUPTI repeats the
// innermost one beside each call of the runtime and the driver. A call and the work that it queued
// share a correlation id. Work of a CUDA graph shares that of the graph's launch, so the span in
// which its node was recorded is remembered when the graph is recorded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/trace.h"

namespace strata::cuda {

struct Extent3d {
  int x = 0, y = 0, z = 0;
};

struct Activity {
  enum class Kind { runtime_call, driver_call, kernel, copy, fill };

  Kind kind = Kind::kernel;
  std::string name = {};       // "cudaLaunchKernelExC"; of a kernel demangled, with all its types
  int64_t begin = 0, end = 0;  // trace_now()
  uint32_t correlation = 0;
  /// Of a call: the span in which it was made; of a graph's work: in which it was recorded. 0:
  /// none.
  int64_t span = 0;

  // Of the GPU's work.
  uint32_t stream = 0;
  uint64_t graph_node = 0;  // 0: not of a graph
  uint64_t bytes = 0;       // copied or filled
  // Of kernels.
  Extent3d grid = {}, block = {};
  int cluster = 0;  // blocks in one; 0: none
  int registers = 0;
  int static_shared_bytes = 0, dynamic_shared_bytes = 0, local_bytes = 0;  // local: a thread
};

/// Records from its birth to its death, one at a time in a process.
class ActivityRecorder : public TraceListener {
 public:
  /// Throws `device`, in one line, when CUPTI is absent, of another version, refused by the system,
  /// or in use by another profiler (of which a process can have one).
  ActivityRecorder();
  ~ActivityRecorder() override;

  void opened(const TraceSpan& span) override;
  void closed(const TraceSpan& span) override;

  /// Everything since the last call, in order of `begin`, a call before those that it makes. The GPU
  /// must have finished its work.
  std::vector<Activity> take();
  /// Records that CUPTI had no room for.
  int64_t dropped() const;

  struct State;  // for CUPTI's callbacks

 private:
  std::unique_ptr<State> state_;
};

}  // namespace strata::cuda
