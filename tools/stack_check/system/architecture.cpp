#include "tools/stack_check/system/architecture.h"

#include <elf.h>
#include <sys/utsname.h>

#include <string_view>

namespace strata::stack_check {

const Architecture& this_architecture() {
  static const Architecture architecture = [] {
    struct utsname name = {};
    const bool arm = ::uname(&name) == 0 && std::string_view(name.machine) == "aarch64";
    return arm ? Architecture{EM_AARCH64, 0x0a03} : Architecture{EM_X86_64, 0x0303};
  }();
  return architecture;
}

}  // namespace strata::stack_check
