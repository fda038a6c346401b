#include "tools/stack_check/system/elf.h"

#include "tests/fuzz/targets.h"

namespace strata::fuzz {

void elf(std::string_view input) {
  const stack_check::ElfFile whole = stack_check::parse_elf(input, input.size());
  require(whole.fault.empty() || (whole.soname + whole.rpath + whole.runpath).empty());
  require(!input.empty() || !whole.fault.empty());
  require(whole.soname.size() < input.size() || whole.soname.empty());
  // The start of a longer file, of which the rest could not be read.
  stack_check::parse_elf(input, input.size() * 1000);
  stack_check::parse_elf(input, UINT64_MAX);
}

}  // namespace strata::fuzz
