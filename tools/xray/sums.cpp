#include "tools/xray/sums.h"

#include <algorithm>

namespace strata::xray {
namespace {

bool on_timeline(const Node& node) {
  return node.track == "host";
}

std::string_view host_name_of(const Node& node) {
  switch (node.layer) {
    case Layer::phase:  // which is all that is known where calls are not recorded
      return node.name == kWaitPhase ? "waiting" : "framework";
    case Layer::library:
      // On the CPU the library's call is the kernel, too.
      return node.name == "dnnl_primitive_execute" ? "kernels" : "library";
    case Layer::runtime:
    case Layer::driver:
      if (waits_for_gpu(node.name)) return "waiting";
      return name_of(node.layer);
    case Layer::rung:
      // On the CPU the rung's function is the kernel.
      if (node.name.starts_with("cpu::") || node.name.starts_with("reference::")) return "kernels";
      return "framework";
    default:
      return "framework";
  }
}

/// Two functions choose among engines, and say which in a note; the others have one way each.
bool lacks_engine(const Node& library) {
  const auto says = [&](std::string_view what) {
    return std::ranges::any_of(library.notes, [&](const auto& note) { return note.first == what; });
  };
  if (library.name == "cudnnBackendExecute") return !says("engine");
  if (library.name == "cublasLtMatmul") return !says("algorithm");
  return library.name.empty();
}

}  // namespace

bool waits_for_gpu(std::string_view call) {
  return call.find("Synchronize") != std::string_view::npos;
}

int64_t covered(std::vector<std::pair<int64_t, int64_t>> intervals, int64_t limit) {
  std::ranges::sort(intervals);
  int64_t total = 0, reached = 0;
  for (const auto& [begin, end] : intervals) {
    const int64_t from = std::max(begin, reached), to = std::min(end, limit);
    if (to > from) total += to - from;
    reached = std::max(reached, to);
  }
  return total;
}

Sums host_sums(const View& view) {
  std::map<std::string_view, int64_t> time{{"framework", view.wall}};  // around the spans, too
  std::map<int64_t, std::string_view> charged;                         // by id
  for (const Node& node : view.nodes) {
    if (!on_timeline(node)) continue;
    const auto parent = charged.find(node.parent);
    const std::string_view around = parent == charged.end() ? "framework" : parent->second;
    // The driver's part of a call that waits is waiting, too.
    const std::string_view own = around == "waiting" ? around : host_name_of(node);
    charged[node.id] = own;
    time[around] -= node.duration();
    time[own] += node.duration();
  }
  Sums sums;
  for (const char* name : {"framework", "library", "runtime", "driver", "waiting", "kernels"})
    if (const auto found = time.find(name); found != time.end() && found->second != 0)
      sums.emplace_back(name, found->second);
  return sums;
}

Sums gpu_sums(const View& view) {
  std::vector<std::pair<int64_t, int64_t>> work;
  for (const Node& node : view.nodes)
    if (is_gpu_work(node.layer)) work.emplace_back(node.begin, node.end);
  if (work.empty()) return {};
  const int64_t busy = covered(std::move(work), view.wall);
  return {{"busy", busy}, {"idle", view.wall - busy}};
}

double named_share(const View& view) {
  std::map<int64_t, const Node*> by_id;
  for (const Node& node : view.nodes) by_id[node.id] = &node;
  int64_t all = 0, named = 0;
  for (const Node& node : view.nodes) {
    if (!is_gpu_work(node.layer)) continue;
    all += node.duration();
    bool has_op = false, library_unknown = false;
    for (auto at = by_id.find(node.parent); at != by_id.end();
         at = by_id.find(at->second->parent)) {
      const Node& above = *at->second;
      has_op |= above.layer == Layer::op;
      library_unknown |= above.layer == Layer::library && lacks_engine(above);
    }
    if (has_op && !library_unknown && !node.name.empty()) named += node.duration();
  }
  return all == 0 ? 1 : static_cast<double>(named) / static_cast<double>(all);
}

std::map<int64_t, Beneath> beneath(const View& view) {
  std::map<int64_t, Beneath> result;
  for (auto node = view.nodes.rbegin(); node != view.nodes.rend(); ++node) {
    Beneath& own = result[node->id];
    if (is_gpu_work(node->layer)) {
      own.gpu += node->duration();
      ++own.works;
    } else if (node->layer == Layer::runtime || node->layer == Layer::driver) {
      ++own.calls;
    }
    if (own.works == 0 && node->between_events) own.gpu = *node->between_events;
    if (node->parent == 0) continue;
    const Beneath now = own;  // the next line may move it
    Beneath& above = result[node->parent];
    above.gpu += now.gpu;
    above.calls += now.calls;
    above.works += now.works;
  }
  return result;
}

}  // namespace strata::xray
