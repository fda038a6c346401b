#include "tools/stack_check/system/visible_devices.h"

#include <algorithm>
#include <charconv>

#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

bool is_uuid(std::string_view entry) {
  if (entry.starts_with("MIG-")) {
    entry.remove_prefix(4);
    // Drivers before R470 name an instance MIG-GPU-<UUID>/<GPU instance>/<compute instance>.
    if (!entry.starts_with("GPU-"))
      return !entry.empty() &&
             entry.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
  }
  if (!entry.starts_with("GPU-")) return false;
  entry.remove_prefix(4);
  return !entry.empty() &&
         entry.find_first_not_of("0123456789abcdefABCDEF-/") == std::string_view::npos;
}

/// The entry as it counts, so that repeated ones are the same text; empty: it is invalid.
std::string normalized(std::string_view entry, int device_count) {
  if (is_uuid(entry))
    return entry.starts_with("MIG-") ? std::string(entry) : "GPU-" + lowered(entry.substr(4));
  int index = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), index);
  if (!is_number(entry) || error != std::errc() || end != entry.data() + entry.size()) return {};
  return device_count < 0 || index < device_count ? std::to_string(index) : std::string();
}

}  // namespace

VisibleDevices parse_visible_devices(std::string_view text, int device_count) {
  VisibleDevices result;
  std::vector<std::string> seen;
  bool more = !trimmed(text).empty();
  while (more) {
    const size_t comma = text.find(',');
    const std::string_view entry = trimmed(text.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    if (entry.empty() && !more && !seen.empty()) break;  // a comma at the end hides nothing
    const std::string value = normalized(entry, device_count);
    if (value.empty()) {
      result.first_invalid = entry.empty() ? "," : std::string(entry);
      break;
    }
    if (std::find(seen.begin(), seen.end(), value) != seen.end()) {
      result.first_invalid = entry;
      result.entries.clear();
      break;
    }
    seen.push_back(value);
    result.entries.emplace_back(entry);
  }
  result.hides_all = result.entries.empty();
  return result;
}

}  // namespace strata::stack_check
