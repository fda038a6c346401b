// An x-ray as text for a terminal.
#pragma once

#include <string>

#include "tools/xray/xray.h"

namespace strata::xray {

/// Notes, then for each view its sums and its tree down to `depth` levels (1: the step alone), and
/// what capture removes where there are two views.
std::string to_text(const Xray& xray, int depth);

/// "12.3 us"
std::string microseconds(int64_t nanoseconds);

}  // namespace strata::xray
