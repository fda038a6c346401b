#include <algorithm>
#include <charconv>

#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {

std::vector<int> parse_version(std::string_view text) {
  std::vector<int> parts;
  while (true) {
    int part = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (error != std::errc() || text.front() == '-') return {};
    parts.push_back(part);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return parts;
    if (text.front() != '.') return {};
    text.remove_prefix(1);
  }
}

int compare_versions(std::string_view a, std::string_view b) {
  std::vector<int> left = parse_version(a);
  std::vector<int> right = parse_version(b);
  left.resize(std::max(left.size(), right.size()));
  right.resize(left.size());
  return left < right ? -1 : left > right ? 1 : 0;
}

}  // namespace strata::stack_check
