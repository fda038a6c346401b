// An x-ray of a training step: what every layer of the stack did in it, and for whom.
//
// A view is one step: a tree of nodes, from the step down to the kernels, each with its time. The
// host's nodes nest in time; the work of the GPU hangs under what asked for it and runs later, on
// a stream's track. take.h makes views, join.h puts them together from what was recorded; text.h,
// chrome_trace.h and page.h show them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/settings.h"
#include "tools/bench/ceilings.h"

namespace strata::xray {

/// From the outside in; the last three are the GPU's work.
enum class Layer { step, phase, module, op, rung, library, runtime, driver, kernel, copy, fill };
std::string_view name_of(Layer layer);
inline bool is_gpu_work(Layer layer) {
  return layer >= Layer::kernel;
}

/// The phase after a step in which the host does nothing but wait.
inline constexpr std::string_view kWaitPhase = "wait for the GPU";

using Notes = std::vector<std::pair<std::string, std::string>>;

struct Place {
  std::string file = {};  // relative to the project, "ops/dense.cpp"; empty: unknown
  int line = 0;
};

struct Node {
  int64_t id = 0;
  int64_t parent = 0;  // what it was done for; 0: nothing. Always earlier in View::nodes
  Layer layer = Layer::op;
  std::string name = {}, detail = {};
  int64_t begin = 0, end = 0;  // nanoseconds since the view's begin
  std::string track = {};      // "host", "stream 7"; "recording": no part of the view's time
  Place place = {};
  double flops = 0, bytes = 0;       // 0: not known
  std::optional<double> share = {};  // of the roofline: the least possible time by the time taken
  /// Of an op where kernels are unknown: nanoseconds between two events on the GPU.
  std::optional<int64_t> between_events = {};
  int64_t backward_of = 0;  // the op of the forward pass
  int64_t launched_by = 0;  // of the GPU's work: the call
  Notes notes = {};

  int64_t duration() const { return end - begin; }
};

/// Nanoseconds by name, in the order in which they are shown.
using Sums = std::vector<std::pair<std::string, int64_t>>;

struct View {
  std::string name;         // "eager", "captured"
  std::string description;  // "one step, queued kernel by kernel, then waited for"
  int64_t wall = 0;         // nanoseconds from begin to end
  /// The same without anything recorded: the median of several.
  std::optional<int64_t> untraced = {};
  std::vector<Node> nodes = {};  // parents before children
  /// The host's time: framework, library, runtime, driver, waiting, kernels. They add up to `wall`.
  Sums host = {};
  Sums gpu = {};  // busy, idle; likewise. Empty: no GPU, or nothing known of it
  /// The share of the GPU's busy time whose kernel, op and, where one is called, library engine is
  /// known.
  double named = 1;
};

/// What the device can do at most, for shares of the roofline.
struct Roofline {
  bench::Ceilings ceilings;
  Precision precision = Precision::fp32;
};

struct Xray {
  std::string title;                    // "lenet, batches of 192, tf32"
  Notes machine = {};                   // ("device", "gpu: NVIDIA H100"), ...
  std::vector<std::string> notes = {};  // what could not be seen, and why
  std::optional<Roofline> roofline = {};
  std::vector<View> views = {};
};

}  // namespace strata::xray
