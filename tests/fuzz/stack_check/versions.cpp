#include "tests/fuzz/targets.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::fuzz {

void versions(std::string_view input) {
  using namespace stack_check;
  for (const int part : parse_version(input)) require(part >= 0);
  const std::string_view a = input.substr(0, input.find('\n'));
  const std::string_view b = input.substr(a.size());
  require(compare_versions(a, a) == 0);
  require(compare_versions(a, b) == -compare_versions(b, a));
  for (const int count : {-1, 0, 1, 8}) {
    const VisibleDevices devices = parse_visible_devices(input, count);
    require(devices.hides_all == devices.entries.empty());
    for (const std::string& entry : devices.entries)
      require(input.find(entry) != std::string_view::npos);
  }
}

}  // namespace strata::fuzz
