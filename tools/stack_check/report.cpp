#include "tools/stack_check/report.h"

#include <algorithm>

namespace strata::stack_check {
std::string_view name_of(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::warn:
      return "warn";
    case Status::fail:
      return "fail";
    case Status::unknown:
      return "unknown";
    case Status::blocked:
      return "blocked";
    case Status::skipped:
      return "skipped";
  }
  return "?";
}

const Finding* Report::verdict() const {
  const Finding* lowest = nullptr;
  for (const Finding& finding : findings)
    if (finding.severity == Severity::fail && (!lowest || finding.layer < lowest->layer))
      lowest = &finding;
  return lowest;
}

bool Report::has_warnings() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::warn; });
}

void make_printable(Report& report) {
  const auto clean = [](std::string& text) {
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      // U+0080 to U+009F steer a terminal, too; in UTF-8 they begin with C2.
      const bool second =
          i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
      if (byte == 0xC2 && second) text[i] = text[i + 1] = ' ';
      if (byte < ' ' || byte == 0x7F) text[i] = ' ';
    }
  };
  const auto clean_values = [&](Values& values) {
    for (auto& [name, value] : values) clean(value);
  };
  for (Row& row : report.rows) {
    clean(row.text.key);
    clean_values(row.text.values);
    for (Cell& cell : row.cells) {
      clean(cell.text.key);
      clean_values(cell.text.values);
    }
    for (Library& library : row.libraries) {
      for (std::string* text : {&library.name, &library.path, &library.version}) clean(*text);
      for (std::string& other : library.others) clean(other);
    }
  }
  for (Finding& finding : report.findings) {
    clean(finding.saw);
    clean_values(finding.values);
  }
  for (std::string& gpu : report.gpus) clean(gpu);
  clean_values(report.versions);
  clean_values(report.host);
}

}  // namespace strata::stack_check
