// What each layer of the network costs in a step, as rows that can be set side by side for views of
// one step on different rungs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/xray/xray.h"

namespace strata::xray {

struct Cost {
  std::string what;  // "conv1", "conv1, gradient", "adam_update"
  int64_t nanoseconds = 0;
};

/// In the order of the step. A layer's ops count together, whatever they are on this rung; an op
/// outside of any layer stands by itself. On a GPU what it worked, otherwise what the host took.
std::vector<Cost> costs_by_layer(const View& view);

}  // namespace strata::xray
