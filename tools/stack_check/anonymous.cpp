// What --anonymous takes out of a report.
#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "tools/stack_check/report.h"

namespace strata::stack_check {
namespace {

bool in_path(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("/._-+@~").find(c) != std::string_view::npos;
}

/// Of a path that has begun: letters of any language too.
bool is_path_byte(char c) {
  return in_path(c) || static_cast<unsigned char>(c) >= 0x80;
}

/// What every machine has: /dev/nvidia0.
bool is_common(std::string_view path) {
  return path == "/" || path.starts_with("/dev/") || path.starts_with("/sys/") ||
         path.starts_with("/proc/") || path.starts_with("/lib/modules/");
}

std::string last_part(const std::string& path) {
  return "..." + path.substr(path.rfind('/'));
}

/// "/opt/x/libcudnn.so.9" -> ".../libcudnn.so.9"
std::string without_folders(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '/' || (i > 0 && in_path(text[i - 1]))) {
      result += text[i++];
      continue;
    }
    size_t end = i;
    while (end < text.size() &&
           (in_path(text[end]) || static_cast<unsigned char>(text[end]) >= 0x80))
      ++end;
    const std::string path = text.substr(i, end - i);
    result += is_common(path) ? path : last_part(path);
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

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
}

bool in_host_name(char c) {
  return in_name(c) || c == '.';
}

/// Not where it is but the start of a longer path.
void hide_path(std::string& text, const std::string& path) {
  const std::string shown = last_part(path);
  for (size_t at = text.find(path); at != std::string::npos; at = text.find(path, at + 1)) {
    const size_t end = at + path.size();
    if (end < text.size() && is_path_byte(text[end])) continue;
    text.replace(at, path.size(), shown);
    at += shown.size() - 1;
  }
}

/// Where it is a whole word.
void hide_name(std::string& text, const std::string& name) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 3)) {
    const size_t end = at + name.size();
    if ((at > 0 && in_name(text[at - 1])) || (end < text.size() && in_name(text[end]))) continue;
    text.replace(at, name.size(), "...");
  }
}

/// Knows what a report names: a path with spaces, which no rule would find in a text, and the host.
class Hider {
 public:
  explicit Hider(const Report& report) {
    for (const Row& row : report.rows)
      for (const Library& library : row.libraries) {
        add_path(library.path);
        for (const std::string& other : library.others) add_path(other);
      }
    for (const Finding& finding : report.findings)
      for (const auto& [name, value] : finding.values) add_path(value);
    std::sort(paths_.begin(), paths_.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    const auto name = report.host.find("name");
    if (name == report.host.end()) return;
    for (const std::string& part : {name->second, name->second.substr(0, name->second.find('.'))})
      if (part.size() > 1 && std::all_of(part.begin(), part.end(), in_host_name))
        names_.push_back(part);
  }

  void hide(std::string& text) const {
    for (const std::string& path : paths_) hide_path(text, path);
    text = without_uuids(without_folders(text));
    for (const std::string& name : names_) hide_name(text, name);
  }
  void hide(Values& values) const {
    for (auto& [name, value] : values) hide(value);
  }
  void hide(Phrase& phrase) const {
    hide(phrase.key);
    hide(phrase.values);
  }

 private:
  void add_path(const std::string& text) {
    const bool one_path =
        text.starts_with('/') && text.find_first_of(",:;()\n") == std::string::npos;
    if (one_path && !is_common(text)) paths_.push_back(text);
  }

  std::vector<std::string> paths_;  // the longest first
  std::vector<std::string> names_;
};

}  // namespace

void make_anonymous(Report& report) {
  const Hider hider(report);
  report.host.erase("name");
  for (Row& row : report.rows) {
    hider.hide(row.text);
    hider.hide(row.output);
    for (Cell& cell : row.cells) hider.hide(cell.text);
    for (Library& library : row.libraries) {
      hider.hide(library.path);
      for (std::string& other : library.others) hider.hide(other);
    }
  }
  for (Finding& finding : report.findings) {
    hider.hide(finding.saw);
    hider.hide(finding.values);
  }
}

}  // namespace strata::stack_check
