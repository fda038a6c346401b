// How a window slides over an image: the vocabulary that convolution and pooling share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata::ops {

struct Extent2d {
  int64_t height = 1;
  int64_t width = 1;
};

/// `valid`: none. `same`: as much as makes the output ceil(input / stride), the odd row or column
/// at the bottom or right, as TensorFlow defines it. Otherwise explicit, per side.
struct Padding {
  enum class Mode { valid, same, explicit_ };
  Mode mode = Mode::valid;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  static Padding valid() { return {}; }
  static Padding same() { return {.mode = Mode::same}; }
  static Padding each_side(int64_t rows, int64_t columns) {
    return {Mode::explicit_, rows, rows, columns, columns};
  }
};

/// One axis of a sliding window: extents and the padding before and after, resolved.
struct WindowAxis {
  int64_t input, window, stride, dilation, pad_before, pad_after, output;
};

/// Throws `invalid_argument`, naming `op` and `axis` ("height" or "width"), when window, stride or
/// dilation is below 1, a padding is negative, or the window is larger than the padded input.
/// `pad_before` and `pad_after` are read in mode `explicit_` only.
WindowAxis resolve_window(std::string_view op, std::string_view axis, int64_t input, int64_t window,
                          int64_t stride, int64_t dilation, Padding::Mode mode, int64_t pad_before,
                          int64_t pad_after);

/// What is not the plainest about a pair of axes: ", stride 2x2, dilation 1x2, padding 1+1 x 0+0".
std::string describe_steps(const WindowAxis& height, const WindowAxis& width);

}  // namespace strata::ops
