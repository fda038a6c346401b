// Windows in words, for the descriptions of layers.
#pragma once

#include <string>

#include "ops/window.h"
#include "tensor/error.h"

namespace strata::nn {

/// "2x3"
inline std::string text_of(const ops::Extent2d& extent) {
  return fmt::format("{}x{}", extent.height, extent.width);
}

/// ", padding same", ", padding 1 1 2 2" (top, bottom, left, right), nothing for none.
inline std::string text_of(const ops::Padding& padding) {
  if (padding.mode == ops::Padding::Mode::valid) return "";
  if (padding.mode == ops::Padding::Mode::same) return ", padding same";
  return fmt::format(", padding {} {} {} {}", padding.top, padding.bottom, padding.left,
                     padding.right);
}

}  // namespace strata::nn
