// The fuzz targets: one function per file, each of which feeds any bytes to a parser and aborts
// when what comes back contradicts itself. Two things call them: libFuzzer (tests/fuzz/run) and, on
// every machine, tests/stack_check/fuzz_test.cpp with a fixed set of inputs.
#pragma once

#include <cstdlib>
#include <string_view>

namespace strata::fuzz {

void anonymous(std::string_view input);
void catalogue(std::string_view input);
void elf(std::string_view input);
void explain(std::string_view input);
void facts(std::string_view input);
void kernel_log(std::string_view input);
void loader_cache(std::string_view input);
void pci_ids(std::string_view input);
void probe_report(std::string_view input);
void proc_texts(std::string_view input);
void root_paths(std::string_view input);
void versions(std::string_view input);

inline void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace strata::fuzz
