#include "tools/stack_check/report.h"

#include <algorithm>
#include <cctype>

namespace strata::stack_check {
namespace {

bool in_path(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("/._-+@~").find(c) != std::string_view::npos;
}

/// "/opt/x/libcudnn.so.9" -> ".../libcudnn.so.9"; what every machine has stays: /dev/nvidia0.
std::string without_folders(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '/' || (i > 0 && in_path(text[i - 1]))) {
      result += text[i++];
      continue;
    }
    size_t end = i;
    while (end < text.size() && in_path(text[end])) ++end;
    const std::string path = text.substr(i, end - i);
    const bool common = path.starts_with("/dev/") || path.starts_with("/sys/") ||
                        path.starts_with("/proc/") || path.starts_with("/lib/modules/") ||
                        path == "/";
    result += common ? path : "..." + path.substr(path.rfind('/'));
    i = end;
  }
  return result;
}

std::string without_uuids(std::string text) {
  for (const std::string_view prefix : {"GPU-", "MIG-"})
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 4)) {
      size_t end = at + 4;
      while (end < text.size() &&
             (std::isxdigit(static_cast<unsigned char>(text[end])) || text[end] == '-'))
        ++end;
      if (end - at > 8) text.replace(at + 4, end - at - 4, "...");
    }
  return text;
}

void hide(std::string& text) {
  text = without_uuids(without_folders(text));
}

void hide(Values& values) {
  for (auto& [name, value] : values) hide(value);
}

void hide(Phrase& phrase) {
  hide(phrase.key);
  hide(phrase.values);
}

}  // namespace

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

void make_anonymous(Report& report) {
  report.host.erase("name");
  for (Row& row : report.rows) {
    hide(row.text);
    hide(row.output);
    for (Cell& cell : row.cells) hide(cell.text);
    for (Library& library : row.libraries) {
      hide(library.path);
      for (std::string& other : library.others) hide(other);
    }
  }
  for (Finding& finding : report.findings) {
    hide(finding.saw);
    hide(finding.values);
  }
}

}  // namespace strata::stack_check
