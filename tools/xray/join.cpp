#include "tools/xray/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tools/xray/sums.h"

namespace strata::xray {
namespace {

using cuda::Activity;
using Kind = Activity::Kind;

bool is_call(const Activity& activity) {
  return activity.kind == Kind::runtime_call || activity.kind == Kind::driver_call;
}

Layer layer_of(Kind kind) {
  constexpr Layer kLayers[] = {Layer::runtime, Layer::driver, Layer::kernel, Layer::copy,
                               Layer::fill};
  return kLayers[static_cast<int>(kind)];
}

/// "ops/dense.cpp" of the compiler's path to it.
std::string relative(std::string_view path) {
  const std::string_view root = STRATA_SOURCE_DIR "/";
  if (path.starts_with(root)) path.remove_prefix(root.size());
  return std::string(path);
}

Place place_of(const std::source_location& where) {
  return {relative(where.file_name()), static_cast<int>(where.line())};
}

std::string extents(const cuda::Extent3d& extent) {
  return fmt::format("{} x {} x {}", extent.x, extent.y, extent.z);
}

Notes notes_of(const Activity& work) {
  if (work.kind != Kind::kernel) return {{"bytes", std::to_string(work.bytes)}};
  Notes notes{{"grid", extents(work.grid)}, {"block", extents(work.block)}};
  if (work.cluster > 1) notes.emplace_back("cluster", fmt::format("{} blocks", work.cluster));
  notes.emplace_back("registers", fmt::format("{} a thread", work.registers));
  notes.emplace_back(
      "shared memory",
      fmt::format("{} bytes a block", work.static_shared_bytes + work.dynamic_shared_bytes));
  if (work.local_bytes > 0)
    notes.emplace_back("local memory", fmt::format("{} bytes a thread", work.local_bytes));
  return notes;
}

// Builds the nodes layer by layer; ids of spans are kept, calls and work are numbered on.
class Joiner {
 public:
  explicit Joiner(const Record& record) : record_(record) {
    add_spans(record.recording, "recording");
    add_spans(record.spans, "host");
    add_calls();
    add_work();
    place_launches();
  }

  std::vector<Node> nodes() && { return std::move(nodes_); }

 private:
  int64_t since_begin(int64_t time) const { return time - record_.begin; }
  std::optional<int64_t> between_events(int64_t span) const {
    const auto found = record_.between_events.find(span);
    return found == record_.between_events.end() ? std::nullopt : std::optional(found->second);
  }

  void add_spans(std::vector<TraceSpan> spans, const std::string& track) {
    std::ranges::sort(spans, {}, &TraceSpan::id);  // parents open first
    for (const TraceSpan& span : spans) {
      next_id_ = std::max(next_id_, span.id + 1);
      index_[span.id] = nodes_.size();
      nodes_.push_back({.id = span.id,
                        .parent = index_.contains(span.parent) ? span.parent : 0,
                        .layer = static_cast<Layer>(span.layer),
                        .name = span.name.empty() ? "model" : span.name,
                        .detail = span.detail,
                        .begin = since_begin(span.begin),
                        .end = since_begin(span.end),
                        .track = track,
                        .place = place_of(span.where),
                        .flops = span.flops,
                        .bytes = span.bytes,
                        .between_events = between_events(span.id),
                        .backward_of = span.backward_of,
                        .notes = span.notes});
    }
  }

  int64_t add(Node node) {
    node.id = next_id_++;
    index_[node.id] = nodes_.size();
    nodes_.push_back(std::move(node));
    return nodes_.back().id;
  }

  // In order of their begin, so a call's caller is the last one under the same span that has not
  // ended.
  void add_calls() {
    std::map<int64_t, std::vector<int64_t>> under_way;  // span -> its calls, each in the one before
    for (const Activity& call : record_.activities) {
      if (!is_call(call) || !index_.contains(call.span)) continue;
      if (call.name == "cuKernelGetName") continue;  // CUPTI's own question before each launch
      std::vector<int64_t>& callers = under_way[call.span];
      while (!callers.empty() && nodes_[index_[callers.back()]].end < since_begin(call.end))
        callers.pop_back();
      const int64_t id = add({.parent = callers.empty() ? call.span : callers.back(),
                              .layer = layer_of(call.kind),
                              .name = call.name,
                              .begin = since_begin(call.begin),
                              .end = since_begin(call.end),
                              .track = "host"});
      callers.push_back(id);
      call_of_[call.correlation] = id;
    }
  }

  void add_work() {
    for (const Activity& work : record_.activities) {
      if (is_call(work)) continue;
      const auto call = call_of_.find(work.correlation);
      const int64_t launched_by = call == call_of_.end() ? 0 : call->second;
      const bool recorded = work.graph_node != 0 && index_.contains(work.span);
      const std::string name = work.kind == Kind::kernel ? short_kernel_name(work.name) : work.name;
      const int64_t id = add({.parent = recorded ? work.span : launched_by,
                              .layer = layer_of(work.kind),
                              .name = name,
                              .begin = since_begin(work.begin),
                              .end = since_begin(work.end),
                              .track = fmt::format("stream {}", work.stream),
                              .bytes = static_cast<double>(work.bytes),
                              .launched_by = launched_by});
      Node& node = nodes_.back();
      node.notes = notes_of(work);
      if (name != work.name) node.detail = work.name;
      if (work.graph_node != 0) graph_node_of_[id] = work.graph_node;
    }
  }

  // Our own launches know their place. Under one span they come in the order of its kernels; where
  // their numbers differ, as Thrust may launch more than it was asked for, nothing is claimed.
  void place_launches() {
    std::map<int64_t, std::vector<const TraceLaunch*>> launches;
    for (const TraceLaunch& launch : record_.launches) launches[launch.span].push_back(&launch);
    for (auto& [span, kernels] : kernels_by_span()) {
      const auto found = launches.find(span);
      if (found == launches.end() || found->second.size() != kernels.size()) continue;
      for (size_t i = 0; i < kernels.size(); ++i) {
        Node& kernel = nodes_[index_[kernels[i].second]];
        kernel.place = place_of(found->second[i]->where);
        kernel.notes.emplace_back("part", found->second[i]->kernel);
      }
    }
  }

  /// The kernels right under each span, in the order in which they were queued.
  std::map<int64_t, std::vector<std::pair<uint64_t, int64_t>>> kernels_by_span() {
    std::map<int64_t, std::vector<std::pair<uint64_t, int64_t>>> kernels;
    for (const Node& node : nodes_) {
      if (node.layer != Layer::kernel) continue;
      const auto graph = graph_node_of_.find(node.id);
      const uint64_t order =
          graph != graph_node_of_.end() ? graph->second : static_cast<uint64_t>(node.launched_by);
      kernels[span_above(node)].emplace_back(order, node.id);
    }
    for (auto& [span, list] : kernels) std::ranges::sort(list);
    return kernels;
  }

  int64_t span_above(const Node& node) {
    int64_t id = node.parent;
    while (id != 0 && nodes_[index_[id]].layer > Layer::library) id = nodes_[index_[id]].parent;
    return id;
  }

  const Record& record_;
  std::vector<Node> nodes_;
  std::map<int64_t, size_t> index_;
  std::map<uint32_t, int64_t> call_of_;        // by correlation
  std::map<int64_t, uint64_t> graph_node_of_;  // by id
  int64_t next_id_ = 1;
};

/// What an op says through the rung beneath it: on which shapes it works, and of a gradient, which
/// autograd calls, where it is computed.
void describe_ops_by_their_rungs(std::vector<Node>& nodes) {
  std::map<int64_t, Node*> ops;
  for (Node& node : nodes)
    if (node.layer == Layer::op) ops[node.id] = &node;
  std::set<int64_t> described;
  for (const Node& rung : nodes) {
    const auto op = ops.find(rung.parent);
    if (rung.layer != Layer::rung || op == ops.end()) continue;
    const bool first = described.insert(rung.parent).second;
    if (op->second->detail.empty()) op->second->detail = rung.detail;
    if (first && op->second->backward_of != 0) op->second->place = rung.place;
  }
}

/// A gradient belongs to the module of its op in the forward pass.
void name_modules_of_gradients(std::vector<Node>& nodes) {
  std::map<int64_t, const Node*> by_id;
  for (const Node& node : nodes) by_id[node.id] = &node;
  for (Node& node : nodes) {
    auto above = by_id.find(node.backward_of);
    while (above != by_id.end() && above->second->layer != Layer::module)
      above = by_id.find(above->second->parent);
    if (above != by_id.end()) node.notes.emplace_back("of", above->second->name);
  }
}

/// Of a node whose work is told: the least time in which the device can do it by the time that it
/// took, the GPU beneath the node or the CPU within it.
void fill_in_shares(View& view, const Roofline& roofline) {
  const std::map<int64_t, Beneath> below = beneath(view);
  for (Node& node : view.nodes) {
    const bool cpu = roofline.ceilings.threads > 0;
    const int64_t taken = cpu ? node.duration() : below.at(node.id).gpu;
    if (taken == 0 || (node.flops == 0 && node.bytes == 0)) continue;
    if (node.layer == Layer::copy) continue;  // it may cross the bus, which has a rate of its own
    const auto floor = bench::floor_of({.flops = node.flops, .bytes = node.bytes},
                                       roofline.precision, roofline.ceilings);
    if (!floor) continue;
    node.share = floor->seconds / (static_cast<double>(taken) * 1e-9);
    node.notes.emplace_back("floor",
                            fmt::format("{:.2f} us, by {}", floor->seconds * 1e6, floor->bound));
  }
}

/// A kernel that is alone under a rung or a library call does all of its work.
void pass_work_to_single_kernels(View& view) {
  const std::map<int64_t, Beneath> below = beneath(view);
  std::map<int64_t, const Node*> by_id;
  for (const Node& node : view.nodes) by_id[node.id] = &node;
  for (Node& kernel : view.nodes) {
    if (kernel.layer != Layer::kernel) continue;
    const Node* above = &kernel;
    while (above && above->flops == 0 && above->bytes == 0) {
      const auto parent = by_id.find(above->parent);
      above = parent == by_id.end() ? nullptr : parent->second;
    }
    if (!above || below.at(above->id).works != 1) continue;
    kernel.flops = above->flops;
    kernel.bytes = above->bytes;
  }
}

}  // namespace

std::string_view name_of(Layer layer) {
  constexpr std::string_view kNames[] = {"step",    "phase",  "module", "op",   "rung", "library",
                                         "runtime", "driver", "kernel", "copy", "fill"};
  return kNames[static_cast<int>(layer)];
}

// What stands in brackets goes; the last round ones outside of all others hold the arguments, since
// the type of the result and an anonymous namespace may have some, too.
std::string short_kernel_name(std::string_view demangled) {
  std::string name, open;  // `open`: the brackets around, innermost last
  size_t before_arguments = std::string::npos;
  for (const char c : demangled) {
    if (c == '(' && open.empty()) before_arguments = name.size();
    if (c == '(' || c == '<') {
      open += c;
    } else if (open.empty()) {
      name += c;
    } else if ((c == ')' && open.back() == '(') || (c == '>' && open.back() == '<')) {
      open.pop_back();
    }
  }
  if (before_arguments != std::string::npos) name.resize(before_arguments);
  if (const size_t space = name.rfind(' '); space != std::string::npos) name.erase(0, space + 1);
  // Where "(anonymous namespace)" stood.
  for (size_t at; (at = name.find("::::")) != std::string::npos;) name.erase(at, 2);
  for (const std::string_view ours : {"::", "strata::cuda::", "strata::"})
    if (name.starts_with(ours)) name.erase(0, ours.size());
  return name.empty() ? std::string(demangled) : name;
}

View join(const Record& record, const std::optional<Roofline>& roofline) {
  View view;
  view.wall = record.end - record.begin;
  view.nodes = Joiner(record).nodes();
  describe_ops_by_their_rungs(view.nodes);
  name_modules_of_gradients(view.nodes);
  pass_work_to_single_kernels(view);
  if (roofline) fill_in_shares(view, *roofline);
  view.host = host_sums(view);
  view.gpu = gpu_sums(view);
  view.named = named_share(view);
  return view;
}

}  // namespace strata::xray
