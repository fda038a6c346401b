// How libraries for this machine's processor are marked.
#pragma once

#include <cstdint>

namespace strata::stack_check {

struct Architecture {
  uint16_t elf_machine = 0;  // e_machine of an ELF file
  int32_t cache_flags = 0;   // of an entry of ld.so.cache: 64 bits, of the GNU C library
};

const Architecture& this_architecture();

}  // namespace strata::stack_check
