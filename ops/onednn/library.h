// oneDNN as this process has it, for headers and reports; needs no header of oneDNN. Its functions
// are in api.h. Defined in a build with oneDNN only.
#pragma once

#include <optional>
#include <string>

#include "tensor/shared_library.h"

namespace strata::onednn {

/// Tries to load the library; nothing when it works, otherwise the reason as one line.
const std::optional<std::string>& why_not_loadable();

/// The library, if this process has loaded it already.
std::optional<LoadedLibrary> loaded_library();

}  // namespace strata::onednn
