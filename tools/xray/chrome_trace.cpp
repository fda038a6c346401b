#include "tools/xray/chrome_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace strata::xray {
namespace {

using Json = nlohmann::ordered_json;

double in_microseconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e3;
}

/// The events of one view.
class ViewEvents {
 public:
  ViewEvents(const View& view, int process, Json& events)
      : view_(view), process_(process), events_(events) {
    for (const Node& node : view.nodes) by_id_[node.id] = &node;
    name("process_name", 0, view.name);
    name("process_labels", 0, view.description);
    choose_gpu_tracks();
  }

  void write() {
    for (const Node& node : view_.nodes)
      if (has_time(node)) write_slice(node);
    for (const Node& node : view_.nodes)
      if (is_gpu_work(node.layer)) write_flow(node);
  }

 private:
  static bool has_time(const Node& node) { return node.track != "recording"; }

  static const char* label_of(std::string_view what) {
    return what == "process_labels" ? "labels" : "name";
  }

  // Kernels of one stream overlap where the next is let in before the one before it has ended, but
  // what overlaps on a track must nest: each takes the stream's first track that is free.
  void choose_gpu_tracks() {
    std::vector<const Node*> works;
    for (const Node& node : view_.nodes)
      if (is_gpu_work(node.layer)) works.push_back(&node);
    std::ranges::stable_sort(works, {}, &Node::begin);
    std::map<std::string, std::vector<int64_t>> taken_until;  // by stream, of its tracks
    for (const Node* work : works) {
      std::vector<int64_t>& tracks = taken_until[work->track];
      auto track = std::ranges::find_if(tracks, [&](int64_t end) { return end <= work->begin; });
      if (track == tracks.end()) track = tracks.insert(tracks.end(), 0);
      *track = work->end;
      const auto number = track - tracks.begin() + 1;
      gpu_track_[work->id] = number == 1 ? fmt::format("GPU {}", work->track)
                                         : fmt::format("GPU {} ({})", work->track, number);
    }
  }

  void name(const char* what, int thread, const std::string& text) {
    events_.push_back({{"ph", "M"},
                       {"name", what},
                       {"pid", process_},
                       {"tid", thread},
                       {"args", {{label_of(what), text}}}});
  }

  int thread_of(const Node& node) {
    const std::string track = is_gpu_work(node.layer)
                                  ? gpu_track_.at(node.id)
                                  : fmt::format("host: {}", name_of(node.layer));
    // Numbered from the top layer down, streams last: the order in which viewers show them.
    const int first = is_gpu_work(node.layer) ? 100 + static_cast<int>(threads_.size())
                                              : 1 + static_cast<int>(node.layer);
    const auto [found, fresh] = threads_.emplace(track, first);
    if (fresh) {
      name("thread_name", found->second, track);
      events_.push_back({{"ph", "M"},
                         {"name", "thread_sort_index"},
                         {"pid", process_},
                         {"tid", found->second},
                         {"args", {{"sort_index", found->second}}}});
    }
    return found->second;
  }

  void write_slice(const Node& node) {
    Json arguments = Json::object();
    if (!node.detail.empty()) arguments["detail"] = node.detail;
    if (!node.place.file.empty())
      arguments["source"] = fmt::format("{}:{}", node.place.file, node.place.line);
    if (node.flops > 0) arguments["FLOP"] = node.flops;
    if (node.bytes > 0) arguments["bytes"] = node.bytes;
    if (node.share) arguments["share of the roofline"] = *node.share;
    if (is_gpu_work(node.layer)) arguments["op"] = path_of(node);
    for (const auto& [note, value] : node.notes) arguments[unused_key(arguments, note)] = value;
    events_.push_back({{"ph", "X"},
                       {"name", node.name},
                       {"cat", name_of(node.layer)},
                       {"pid", process_},
                       {"tid", thread_of(node)},
                       {"ts", in_microseconds(node.begin)},
                       {"dur", in_microseconds(node.duration())},
                       {"args", std::move(arguments)}});
  }

  /// Several engines may have been not taken.
  static std::string unused_key(const Json& object, const std::string& wanted) {
    std::string key = wanted;
    for (int i = 2; object.contains(key); ++i) key = fmt::format("{} {}", wanted, i);
    return key;
  }

  /// "forward / conv1 / conv2d_relu_max_pool"
  std::string path_of(const Node& node) const {
    std::string path;
    for (auto at = by_id_.find(node.parent); at != by_id_.end();
         at = by_id_.find(at->second->parent))
      if (at->second->layer <= Layer::op && at->second->layer != Layer::step)
        path = path.empty() ? at->second->name : fmt::format("{} / {}", at->second->name, path);
    return path;
  }

  /// From the op, where it has a time, through the call.
  void write_flow(const Node& work) {
    const auto call = by_id_.find(work.launched_by);
    if (call == by_id_.end()) return;
    const int id = ++flows_ + 1'000'000 * process_;
    const Node* op = call->second;
    while (op && op->layer != Layer::op) {
      const auto above = by_id_.find(op->parent);
      op = above == by_id_.end() ? nullptr : above->second;
    }
    if (op) write_flow_point("s", id, *op);
    write_flow_point(op ? "t" : "s", id, *call->second);
    write_flow_point("f", id, work);
  }

  void write_flow_point(const char* phase, int id, const Node& at) {
    Json event = {{"ph", phase},
                  {"name", "launch"},
                  {"cat", "flow"},
                  {"id", id},
                  {"pid", process_},
                  {"tid", thread_of(at)},
                  {"ts", in_microseconds(at.begin)}};
    if (phase[0] == 'f') event["bp"] = "e";  // bound to the slice around it, not the next one
    events_.push_back(std::move(event));
  }

  const View& view_;
  int process_;
  Json& events_;
  std::map<int64_t, const Node*> by_id_;
  std::map<int64_t, std::string> gpu_track_;  // by id
  std::map<std::string, int> threads_;
  int flows_ = 0;
};

}  // namespace

std::string to_chrome_trace(const Xray& xray) {
  Json events = Json::array();
  int process = 0;
  for (const View& view : xray.views) ViewEvents(view, ++process, events).write();
  Json other = Json::object();
  other["title"] = xray.title;
  for (const auto& [name, value] : xray.machine) other[name] = value;
  other["notes"] = xray.notes;
  return Json{{"traceEvents", std::move(events)},
              {"displayTimeUnit", "ns"},
              {"otherData", std::move(other)}}  // A kernel's name may hold bytes of any kind.
             .dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace strata::xray
