// Looking at a shared library without loading it: a truncated one kills the process that loads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata::stack_check {

struct ElfFile {
  std::string fault;    // why the loader would refuse it or die of it; empty: it looks sound
  std::string soname;   // empty: it names none
  std::string rpath, runpath;
};

/// Reads the headers of a 64-bit ELF shared library or program for this machine's architecture.
/// Faults: "is empty", "is a text file, not a library", "is truncated: 4096 of 96276264 bytes",
/// "is for another processor (aarch64)", "is a 32-bit library", "cannot be read (Permission denied)".
ElfFile read_elf(const std::string& path);
/// The same of bytes in memory, of a file that is `file_size` bytes long.
ElfFile parse_elf(std::string_view bytes, uint64_t file_size);

}  // namespace strata::stack_check
