#include "tests/fuzz/targets.h"
#include "tools/stack_check/system/texts.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::fuzz {

void proc_texts(std::string_view input) {
  using namespace stack_check;
  const NvrmVersion nvrm = parse_nvrm_version(input);
  require(nvrm.version.empty() || parse_version(nvrm.version).size() >= 2);
  require(failing_line(input).size() <= input.size());
  require(parse_kernel(input).size() <= input.size());
  require(parse_pretty_name(input).size() <= input.size());
  require(!parse_secure_boot(input) || input.size() == 5);
  const std::string container = container_of_cgroup(input);
  require(container.empty() || container_of_name(container) == container);
  container_of_name(input);
  size_t bytes = 0;
  for (const std::string_view line : lines_of(input)) bytes += line.size() + 1;
  require(bytes == input.size() || bytes == input.size() + 1);
}

}  // namespace strata::fuzz
