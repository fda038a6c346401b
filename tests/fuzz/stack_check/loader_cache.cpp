#include "tests/fuzz/targets.h"
#include "tools/stack_check/system/library_search.h"

namespace strata::fuzz {

void loader_cache(std::string_view input) {
  for (const auto& [soname, path] : stack_check::parse_loader_cache(input)) {
    require(!soname.empty() && !path.empty());
    require(input.find(soname) != std::string_view::npos);
    require(input.find(path) != std::string_view::npos);
  }
  const std::string version = stack_check::version_in_name(input);
  require(version.empty() || input.ends_with(version));
}

}  // namespace strata::fuzz
