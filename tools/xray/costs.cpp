#include "tools/xray/costs.h"

#include <algorithm>
#include <map>

#include "tools/xray/sums.h"

namespace strata::xray {
namespace {

using ById = std::map<int64_t, const Node*>;

const Node* find(const ById& by_id, int64_t id) {
  const auto found = by_id.find(id);
  return found == by_id.end() ? nullptr : found->second;
}

/// The innermost module around a node: a container's own layers count for themselves.
std::string layer_around(const ById& by_id, int64_t id) {
  for (const Node* node = find(by_id, id); node; node = find(by_id, node->parent))
    if (node->layer == Layer::module) return node->name;
  return "";
}

bool is_inside_an_op(const ById& by_id, const Node& op) {
  for (const Node* node = find(by_id, op.parent); node; node = find(by_id, node->parent))
    if (node->layer == Layer::op) return true;
  return false;
}

std::string row_of(const ById& by_id, const Node& op) {
  const bool backward = op.backward_of != 0;
  const std::string layer = layer_around(by_id, backward ? op.backward_of : op.parent);
  const std::string what = layer.empty() ? op.name : layer;
  return backward ? what + ", gradient" : what;
}

}  // namespace

std::vector<Cost> costs_by_layer(const View& view) {
  ById by_id;
  for (const Node& node : view.nodes) by_id[node.id] = &node;
  const std::map<int64_t, Beneath> below = beneath(view);
  std::vector<Cost> costs;
  for (const Node& op : view.nodes) {
    if (op.layer != Layer::op || is_inside_an_op(by_id, op)) continue;
    const std::string row = row_of(by_id, op);
    auto cost = std::ranges::find(costs, row, &Cost::what);
    if (cost == costs.end()) cost = costs.insert(costs.end(), Cost{row});
    const bool on_gpu = !view.gpu.empty() || op.between_events;
    cost->nanoseconds += on_gpu ? below.at(op.id).gpu : op.duration();
  }
  return costs;
}

}  // namespace strata::xray
