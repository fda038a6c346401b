// The files that cuDNN 9 consists of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace strata::stack_probe {

/// [{name "libcudnn_ops.so.9", present}]: the sublibraries that every cuDNN 9 has, and whatever
/// else of the kind lies in `folder`.
nlohmann::json list_sublibraries(const std::string& folder);

}  // namespace strata::stack_probe
