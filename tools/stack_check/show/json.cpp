#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tools/stack_check/show/show.h"

namespace strata::stack_check {
namespace {

using nlohmann::ordered_json;

constexpr int kSchema = 1;

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warn:
      return "warning";
    case Severity::fail:
      return "fault";
  }
  return "?";
}

ordered_json to_json(const Finding& finding) {
  const Entry* entry = catalogue().find(finding.id);
  ordered_json json = {{"id", finding.id},
                       {"layer", name_of(finding.layer)},
                       {"severity", name_of(finding.severity)},
                       {"gpu", finding.gpu ? ordered_json(*finding.gpu) : ordered_json()},
                       {"saw", finding.saw}};
  if (!entry) return json;
  json["title"] = say(entry->title, finding, Language::en);
  json["why"] = say(entry->why, finding, Language::en);
  for (const Fix& fix : entry->fixes) {
    ordered_json needs = ordered_json::array();
    if (fix.root) needs.push_back("root");
    if (fix.reboot) needs.push_back("reboot");
    if (fix.on_host) needs.push_back("host");
    json["fixes"].push_back({{"text", say(fix.text, finding, Language::en)}, {"needs", needs}});
  }
  json["fine"] = say(entry->fine, finding, Language::en);
  return json;
}

ordered_json to_json(const Cell& cell) {
  ordered_json measurements = ordered_json::array();
  for (const Measurement& measured : cell.measurements) {
    measurements.push_back(
        {{"name", measured.name}, {"value", measured.value}, {"unit", measured.unit}});
    if (measured.expected > 0) {
      measurements.back()["expected"] = measured.expected;
      measurements.back()["share"] = measured.share();
    }
  }
  return {{"status", name_of(cell.status)},
          {"text", say(cell.text, Language::en)},
          {"measurements", measurements}};
}

ordered_json to_json(const Row& row) {
  ordered_json gpus = ordered_json::array(), libraries = ordered_json::array();
  for (const Cell& cell : row.cells) gpus.push_back(to_json(cell));
  for (const Library& library : row.libraries)
    libraries.push_back({{"name", library.name},
                         {"version", library.version},
                         {"path", library.path},
                         {"reason", library.reason},
                         {"others", library.others}});
  return {{"layer", name_of(row.layer)},   {"number", static_cast<int>(row.layer)},
          {"status", name_of(row.status)}, {"text", say(row.text, Language::en)},
          {"seconds", row.seconds},        {"gpus", gpus},
          {"libraries", libraries},        {"output", row.output}};
}

}  // namespace

std::string to_json(const Report& report, int exit_code) {
  const Finding* verdict = report.verdict();
  ordered_json layers = ordered_json::array(), findings = ordered_json::array();
  for (const Row& row : report.rows) layers.push_back(to_json(row));
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  const ordered_json json = {
      {"schema", kSchema},         {"tool", "stack_check"},
      {"version", STRATA_VERSION}, {"time", now()},
      {"exit_code", exit_code},    {"verdict", verdict ? to_json(*verdict) : ordered_json()},
      {"layers", layers},          {"findings", findings},
      {"gpus", report.gpus},       {"versions", report.versions},
      {"host", report.host},       {"seconds", report.seconds}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace strata::stack_check
