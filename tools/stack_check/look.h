// Gathers what can be seen without running anything: the machine, the surroundings of this process,
// the files that the loader would take.
#pragma once

#include <string>

#include "tools/stack_check/evidence.h"

namespace strata::stack_check {

/// `probe`: the program whose RUNPATH counts in the search for libraries. LD_LIBRARY_PATH is this
/// process's; the loader's cache and its default folders are looked for below the root.
Evidence look(const std::string& root, const std::string& probe);

}  // namespace strata::stack_check
