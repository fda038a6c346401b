// What the framework does, layer by layer, for whoever listens: the x-ray (tools/xray) or NVTX
// (cuda/nvtx.h). A TraceScope stands where a layer begins: in a training step, a module, an op, the
// choice of its kernels, a call of a library. Without a listener it costs a look at one variable.
//
// Leaves out what lies below the framework's own code: calls of the CUDA runtime and the driver,
// and kernels, which cuda/activity.h records.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata {

/// From the outside in.
enum class TraceLayer { step, phase, module, op, rung, library };
std::string_view name_of(TraceLayer layer);

/// A stretch of the host's time.
struct TraceSpan {
  int64_t id = 0, parent = 0;  // parent: the span that this one stands in; 0: none
  TraceLayer layer = TraceLayer::op;
  std::string name = {};
  std::string detail = {};  // shapes and options
  std::source_location where = {};
  int64_t begin = 0, end = 0;   // trace_now()
  double flops = 0, bytes = 0;  // what it has to do; 0: not said
  int64_t backward_of = 0;      // the span of the op that it is the gradient of
  std::vector<std::pair<std::string, std::string>> notes = {};  // ("engine", "engine 67 2:12")
};

/// A kernel of ours that was queued: what the GPU's records do not know.
struct TraceLaunch {
  int64_t span = 0;  // in which
  std::string kernel;
  std::source_location where;
  int64_t at = 0;  // just after it was queued
};

/// Told of everything on the thread where it listens.
class TraceListener {
 public:
  virtual ~TraceListener();
  virtual void opened(const TraceSpan& span) = 0;
  virtual void closed(const TraceSpan& span) = 0;
  virtual void launched(const TraceLaunch& launch);  // does nothing
};

/// Lets `listener` listen to this thread, one at a time, while it lives.
class TraceListening {
 public:
  explicit TraceListening(TraceListener& listener);
  ~TraceListening();
  TraceListening(const TraceListening&) = delete;
  TraceListening& operator=(const TraceListening&) = delete;

 private:
  TraceListener* previous_;
};

/// Nanoseconds of the steady clock.
int64_t trace_now();

namespace detail {
extern constinit thread_local TraceListener* trace_listener;
void trace_launch(std::string_view kernel, std::source_location where);
}  // namespace detail

inline bool tracing() {
  return detail::trace_listener != nullptr;
}

/// The innermost open span of this thread; null when nobody listens, or none is open.
TraceSpan* current_span();

/// Adds a note to the innermost open span, if there is one, and once only.
void trace_note(std::string_view name, std::string_view value);

/// After a kernel of ours was queued.
inline void trace_launch(std::string_view kernel, std::source_location where) {
  if (tracing()) [[unlikely]]
    detail::trace_launch(kernel, where);
}

/// A span from here to the end of the block.
class TraceScope {
 public:
  explicit TraceScope(TraceLayer layer, std::string_view name,
                      std::source_location where = std::source_location::current()) {
    if (tracing()) [[unlikely]]
      open(layer, name, where);
  }
  ~TraceScope() {
    if (span_) [[unlikely]]
      close();
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  /// Whether anybody listens. What a span says about itself is worked out only then.
  explicit operator bool() const { return span_.has_value(); }
  /// Of an open span only.
  TraceSpan* operator->() { return &*span_; }
  /// The span around this one, which may be null.
  const TraceSpan* outer() const { return outer_; }

 private:
  void open(TraceLayer layer, std::string_view name, std::source_location where);
  void close() noexcept;

  std::optional<TraceSpan> span_;
  TraceSpan* outer_ = nullptr;
};

}  // namespace strata
