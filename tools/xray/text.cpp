#include "tools/xray/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tools/xray/sums.h"

namespace strata::xray {
namespace {

double share_of(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string sums_text(std::string_view title, const Sums& sums, int64_t wall) {
  std::string text = fmt::format("  {:<5}", title);
  for (const auto& [name, time] : sums)
    text += fmt::format("  {} {} ({:.0f} %)", name, microseconds(time), share_of(time, wall));
  return text + "\n";
}

std::string rate(const Node& node, int64_t nanoseconds) {
  std::string text;
  const double time = static_cast<double>(nanoseconds);
  if (nanoseconds > 0 && node.flops > 0) {
    const double gigaflops = node.flops / time;
    text += gigaflops >= 1e3 ? fmt::format("  {:.1f} TFLOP/s", gigaflops / 1e3)
                             : fmt::format("  {:.1f} GFLOP/s", gigaflops);
  }
  if (nanoseconds > 0 && node.bytes > 0) text += fmt::format("  {:.1f} GB/s", node.bytes / time);
  return text;
}

class Tree {
 public:
  Tree(const View& view, int depth) : depth_(depth), beneath_(beneath(view)) {
    for (const Node& node : view.nodes) children_[node.parent].push_back(&node);
    has_gpu_ =
        std::ranges::any_of(beneath_, [](const auto& entry) { return entry.second.gpu > 0; });
    has_shares_ = has_gpu_ || std::ranges::any_of(view.nodes, [](const Node& node) {
                    return node.share.has_value();
                  });
  }

  std::string text() {
    text_ = fmt::format("  {:>9}", "host us");
    if (has_gpu_) text_ += fmt::format("  {:>9}", "GPU us");
    text_ += has_shares_ ? fmt::format("  {:>5}\n", "roof") : "\n";
    show_children(0, 1);
    return std::move(text_);
  }

 private:
  void show_children(int64_t id, int level) {
    if (level > depth_) return;
    for (const Node* node : children_[id]) {
      show(*node, level);
      show_children(node->id, level + 1);
    }
  }

  void show(const Node& node, int level) {
    const Beneath& below = beneath_[node.id];
    const bool on_host = node.track == "host";
    const int64_t spent = below.gpu > 0 ? below.gpu : on_host ? node.duration() : 0;
    text_ += fmt::format("  {:>9}", on_host ? number(node.duration()) : "");
    if (has_gpu_) text_ += fmt::format("  {:>9}", below.gpu > 0 ? number(below.gpu) : "");
    if (has_shares_)
      text_ += fmt::format("  {:>5}", node.share ? fmt::format("{:.0f} %", 100 * *node.share) : "");
    text_ += fmt::format("  {:{}}{}{}{}{}\n", "", 2 * (level - 1), title_of(node),
                         rate(node, spent), notes_of(node), folded(node, level));
  }

  static std::string number(int64_t nanoseconds) {
    return fmt::format("{:.1f}", static_cast<double>(nanoseconds) / 1e3);
  }

  std::string title_of(const Node& node) const {
    std::string title = node.name;
    if (node.backward_of != 0) title = module_of(node) + "gradient of " + title;
    if (node.layer == Layer::module && !node.detail.empty()) title += ": " + node.detail;
    if ((node.layer == Layer::rung || node.layer == Layer::library) && !node.detail.empty())
      title += "  " + node.detail;
    if (!node.place.file.empty() && node.layer >= Layer::op)
      title += fmt::format("  [{}:{}]", node.place.file, node.place.line);
    return title;
  }

  /// "conv1: ", where a gradient's layer is known.
  static std::string module_of(const Node& node) {
    for (const auto& [name, value] : node.notes)
      if (name == "of") return value + ": ";
    return "";
  }

  static std::string notes_of(const Node& node) {
    std::string text;
    int not_taken = 0;
    for (const auto& [name, value] : node.notes) {
      if (name == "floor" || name == "part" || name == "of") continue;
      if (name == "not taken" && ++not_taken > 1) continue;
      text += fmt::format("{}{} {}", text.empty() ? "  " : ", ", name, value);
    }
    if (not_taken > 1) text += fmt::format(", nor {} others (the page lists them)", not_taken - 1);
    return text;
  }

  std::string folded(const Node& node, int level) {
    if (level < depth_ || children_[node.id].empty()) return "";
    const Beneath& below = beneath_[node.id];
    const auto count = [](int number, std::string_view noun) {
      return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
    };
    if (below.calls + below.works == 0) return "  ...";
    return fmt::format("  ... {}, {}", count(below.calls, "call"), count(below.works, "work item"));
  }

  int depth_;
  std::map<int64_t, Beneath> beneath_;
  std::map<int64_t, std::vector<const Node*>> children_;
  bool has_gpu_ = false, has_shares_ = false;
  std::string text_;
};

int64_t part_of(const Sums& sums, std::string_view name) {
  const auto found = std::ranges::find_if(sums, [&](const auto& sum) { return sum.first == name; });
  return found == sums.end() ? 0 : found->second;
}

int calls_of(const View& view) {
  return static_cast<int>(std::ranges::count_if(view.nodes, [](const Node& node) {
    return node.layer == Layer::runtime || node.layer == Layer::driver;
  }));
}

std::string overhead_text(const View& view) {
  const double cost = share_of(view.wall - *view.untraced, *view.untraced);
  return fmt::format("; {} when nobody looks, so looking {}", microseconds(*view.untraced),
                     cost >= 1 ? fmt::format("costs {:.0f} %", cost)
                               : "costs less than one step differs from the next");
}

std::string view_text(const View& view, int depth) {
  std::string text = fmt::format("{}: {}\n", view.name, view.description);
  text += fmt::format("  wall   {}", microseconds(view.wall));
  if (view.untraced) text += overhead_text(view);
  text += '\n';
  text += sums_text("host", view.host, view.wall);
  if (!view.gpu.empty()) {
    text += sums_text("GPU", view.gpu, view.wall);
    text += fmt::format("  named  {:.1f} % of the GPU's time, by kernel, op and library call\n",
                        100 * view.named);
  }
  return text + "\n" + Tree(view, depth).text() + "\n";
}

std::string capture_text(const View& eager, const View& captured) {
  const auto host = [](const View& view) { return view.wall - part_of(view.host, "waiting"); };
  std::string text = "what capture removes\n";
  const auto line = [&](std::string_view what, const std::string& before,
                        const std::string& after) {
    text += fmt::format("  {:<26} {:>10} -> {:>10}\n", what, before, after);
  };
  const bool calls_are_known = !eager.gpu.empty() && !captured.gpu.empty();
  if (calls_are_known)
    line("calls of runtime and driver", std::to_string(calls_of(eager)),
         std::to_string(calls_of(captured)));
  line("host busy", microseconds(host(eager)), microseconds(host(captured)));
  if (calls_are_known)
    line("GPU idle", microseconds(part_of(eager.gpu, "idle")),
         microseconds(part_of(captured.gpu, "idle")));
  if (eager.untraced && captured.untraced)
    line("wall, when nobody looks", microseconds(*eager.untraced),
         microseconds(*captured.untraced));
  return text + "\n";
}

}  // namespace

std::string microseconds(int64_t nanoseconds) {
  return fmt::format("{:.1f} us", static_cast<double>(nanoseconds) / 1e3);
}

std::string to_text(const Xray& xray, int depth) {
  std::string text = fmt::format("x-ray of {}\n", xray.title);
  for (const auto& [name, value] : xray.machine) text += fmt::format("  {:<10} {}\n", name, value);
  for (const std::string& note : xray.notes) text += fmt::format("  {:<10} {}\n", "note", note);
  text += "\n";
  for (const View& view : xray.views) text += view_text(view, depth);
  if (xray.views.size() == 2) text += capture_text(xray.views[0], xray.views[1]);
  return text;
}

}  // namespace strata::xray
