#include "tensor/trace.h"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace strata {

namespace detail {
constinit thread_local TraceListener* trace_listener = nullptr;
}  // namespace detail

namespace {

thread_local TraceSpan* innermost = nullptr;

int64_t next_id() {
  static std::atomic<int64_t> last = 0;
  return ++last;
}

}  // namespace

std::string_view name_of(TraceLayer layer) {
  constexpr std::string_view kNames[] = {"step", "phase", "module", "op", "rung", "library"};
  return kNames[static_cast<int>(layer)];
}

TraceListener::~TraceListener() = default;
void TraceListener::launched(const TraceLaunch&) {}

TraceListening::TraceListening(TraceListener& listener)
    : previous_(std::exchange(detail::trace_listener, &listener)) {}
TraceListening::~TraceListening() {
  detail::trace_listener = previous_;
}

int64_t trace_now() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

TraceSpan* current_span() {
  return innermost;
}

void trace_note(std::string_view name, std::string_view value) {
  if (!innermost) return;
  const std::pair note{std::string(name), std::string(value)};
  auto& notes = innermost->notes;
  if (std::ranges::find(notes, note) == notes.end()) notes.push_back(note);
}

void detail::trace_launch(std::string_view kernel, std::source_location where) {
  trace_listener->launched({.span = innermost ? innermost->id : 0,
                            .kernel = std::string(kernel),
                            .where = where,
                            .at = trace_now()});
}

// The clock is read last on the way in and first on the way out, so that what a listener does
// counts for the span around this one.
void TraceScope::open(TraceLayer layer, std::string_view name, std::source_location where) {
  outer_ = innermost;
  TraceSpan& span = span_.emplace();
  span.id = next_id();
  span.parent = outer_ ? outer_->id : 0;
  span.layer = layer;
  span.name = name;
  span.where = where;
  detail::trace_listener->opened(span);
  innermost = &span;  // after the listener, which may throw: then this scope never was
  span.begin = trace_now();
}

void TraceScope::close() noexcept {
  span_->end = trace_now();
  innermost = outer_;
  if (tracing()) detail::trace_listener->closed(*span_);
}

}  // namespace strata
