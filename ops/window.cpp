#include "ops/window.h"

#include <fmt/format.h>

#include <algorithm>

#include "tensor/error.h"

namespace strata::ops {

WindowAxis resolve_window(std::string_view op, std::string_view axis, int64_t input, int64_t window,
                          int64_t stride, int64_t dilation, Padding::Mode mode, int64_t pad_before,
                          int64_t pad_after) {
  check(window >= 1 && stride >= 1 && dilation >= 1,
        "{}: window {}, stride {} and dilation {} along the {} must be at least 1", op, window,
        stride, dilation, axis);
  // Below this bound none of the sums and products here and in the kernels can overflow.
  constexpr int64_t kLargest = int64_t{1} << 30;
  check(std::max({window, stride, dilation, pad_before, pad_after}) <= kLargest,
        "{}: window {}, stride {}, dilation {} or padding ({}, {}) along the {} is over 2^30", op,
        window, stride, dilation, pad_before, pad_after, axis);
  const int64_t span = (window - 1) * dilation + 1;
  if (mode == Padding::Mode::valid) pad_before = pad_after = 0;
  if (mode == Padding::Mode::same) {
    const int64_t output = (input + stride - 1) / stride;
    const int64_t total = std::max<int64_t>((output - 1) * stride + span - input, 0);
    pad_before = total / 2;
    pad_after = total - pad_before;
  }
  check(pad_before >= 0 && pad_after >= 0, "{}: the padding along the {} is negative ({}, {})", op,
        axis, pad_before, pad_after);
  const int64_t padded = input + pad_before + pad_after;
  check(span <= padded, "{}: a window spanning {} does not fit an image of {} {} {}", op, span,
        axis, input, padded == input ? "without padding" : "with its padding");
  return {input, window, stride, dilation, pad_before, pad_after, (padded - span) / stride + 1};
}

std::string describe_steps(const WindowAxis& height, const WindowAxis& width) {
  std::string text;
  if (height.stride != 1 || width.stride != 1)
    text += fmt::format(", stride {}x{}", height.stride, width.stride);
  if (height.dilation != 1 || width.dilation != 1)
    text += fmt::format(", dilation {}x{}", height.dilation, width.dilation);
  if (height.pad_before + height.pad_after + width.pad_before + width.pad_after != 0)
    text += fmt::format(", padding {}+{} x {}+{}", height.pad_before, height.pad_after,
                        width.pad_before, width.pad_after);
  return text;
}

}  // namespace strata::ops
