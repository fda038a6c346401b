#include "tools/xray/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace strata::xray {

extern const char* const kPage;  // page/, put together by the build

namespace {

using Json = nlohmann::ordered_json;

/// The project's own files, read once, where the program still lies beside them.
class Sources {
 public:
  /// Some lines around a place; null when the file is not there.
  Json excerpt(const Place& place) {
    const std::vector<std::string>& lines = lines_of(place.file);
    const int count = static_cast<int>(lines.size());
    if (place.line < 1 || place.line > count) return nullptr;
    constexpr int kAround = 4;
    const int first = std::max(1, place.line - kAround),
              last = std::min(count, place.line + kAround);
    return {{"first", first},
            {"lines", std::vector(lines.begin() + first - 1, lines.begin() + last)}};
  }

 private:
  const std::vector<std::string>& lines_of(const std::string& file) {
    const auto [found, fresh] = files_.try_emplace(file);
    if (!fresh) return found->second;
    std::ifstream stream(STRATA_SOURCE_DIR "/" + file);
    for (std::string line; std::getline(stream, line);) found->second.push_back(line);
    return found->second;
  }

  std::map<std::string, std::vector<std::string>> files_;
};

Json pairs(const auto& list) {
  Json array = Json::array();
  for (const auto& [name, value] : list) array.push_back({name, value});
  return array;
}

Json node_json(const Node& node, Sources& sources) {
  Json json = {{"id", node.id},     {"parent", node.parent}, {"layer", name_of(node.layer)},
               {"name", node.name}, {"detail", node.detail}, {"begin", node.begin},
               {"end", node.end},   {"track", node.track}};
  if (!node.place.file.empty()) {
    json["file"] = node.place.file;
    json["line"] = node.place.line;
    if (Json excerpt = sources.excerpt(node.place); !excerpt.is_null())
      json["excerpt"] = std::move(excerpt);
  }
  if (node.flops > 0) json["flops"] = node.flops;
  if (node.bytes > 0) json["bytes"] = node.bytes;
  if (node.share) json["share"] = *node.share;
  if (node.between_events) json["between_events_ns"] = *node.between_events;
  if (node.backward_of != 0) json["backward_of"] = node.backward_of;
  if (node.launched_by != 0) json["launched_by"] = node.launched_by;
  json["notes"] = pairs(node.notes);
  return json;
}

Json view_json(const View& view, Sources& sources) {
  Json nodes = Json::array();
  for (const Node& node : view.nodes) nodes.push_back(node_json(node, sources));
  return {
      {"name", view.name},        {"description", view.description},
      {"wall_ns", view.wall},     {"untraced_ns", view.untraced ? Json(*view.untraced) : Json()},
      {"host", pairs(view.host)}, {"gpu", pairs(view.gpu)},
      {"named", view.named},      {"nodes", std::move(nodes)}};
}

Json ceilings_json(const std::optional<Roofline>& roofline) {
  if (!roofline) return nullptr;
  const auto flops = roofline->ceilings.flops_at(roofline->precision);
  if (!flops || !roofline->ceilings.copy_rate) return nullptr;
  return {{"flops", *flops},
          {"flops_of", fmt::format("{} products", name_of(roofline->precision))},
          {"bytes_per_second", *roofline->ceilings.copy_rate}};
}

}  // namespace

std::string to_json(const Xray& xray) {
  Sources sources;
  Json views = Json::array();
  for (const View& view : xray.views) views.push_back(view_json(view, sources));
  return Json{{"version", 1},
              {"strata", STRATA_VERSION},
              {"title", xray.title},
              {"machine", pairs(xray.machine)},
              {"notes", xray.notes},
              {"ceilings", ceilings_json(xray.roofline)},
              {"views", std::move(views)}}  // A kernel's name may hold bytes of any kind.
      .dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// In a script's text "</script>" would end it.
std::string to_page(const Xray& xray) {
  std::string data;
  for (const char c : to_json(xray)) c == '<' ? data += "\\u003c" : data += c;
  std::string page = kPage;
  constexpr std::string_view kPlace = "/*DATA*/";
  page.replace(page.find(kPlace), kPlace.size(), data);
  return page;
}

}  // namespace strata::xray
