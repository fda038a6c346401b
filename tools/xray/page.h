// An x-ray as one HTML page that needs nothing else: no network, no server, no library. Its parts
// are in page/.
#pragma once

#include <string>

#include "tools/xray/xray.h"

namespace strata::xray {

std::string to_page(const Xray& xray);

/// What the page reads: all of an x-ray, with the source text around each place that is at hand.
std::string to_json(const Xray& xray);

}  // namespace strata::xray
