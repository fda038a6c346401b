// What CUDA_VISIBLE_DEVICES means, which is not what people think.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace strata::stack_check {

struct VisibleDevices {
  std::vector<std::string> entries;  // taken into account, in order
  std::string first_invalid;         // hides itself and all after it; ",": an empty one; empty: none
  bool hides_all = false;            // an empty text, the first entry invalid, or one repeated
};

/// By the CUDA programming guide: a comma-separated list of indices below `device_count`, of GPU-
/// UUIDs (or a unique start of one) and of MIG- UUIDs; the first invalid index hides it and all after
/// it; a repeated one hides all. A negative `device_count`: not known, any index is valid.
VisibleDevices parse_visible_devices(std::string_view text, int device_count);

/// "580.159.04" or "13.0" as numbers; empty for other text.
std::vector<int> parse_version(std::string_view text);
/// -1, 0, 1 as a is older than, the same as, newer than b; missing parts count as 0.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace strata::stack_check
