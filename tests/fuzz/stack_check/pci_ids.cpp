#include "tests/fuzz/targets.h"
#include "tools/stack_check/system/texts.h"

namespace strata::fuzz {

void pci_ids(std::string_view input) {
  const auto id = stack_check::parse_pci_id(input);
  require(!id || stack_check::trimmed(input).size() >= 1);
  const int width = stack_check::parse_link_width(input);
  require(width >= 0 && width <= 32);
  const double speed = stack_check::parse_link_speed(input);
  require(speed >= 0 && speed <= 1000);
  require(!stack_check::reads_ff_only(input) || !id);
}

}  // namespace strata::fuzz
