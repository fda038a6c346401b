// A 3x3 convolution as a plain loop, from which forward and both gradients follow.
#pragma once

#include <cstddef>

namespace strata::stack_probe {

/// Images n x c x h x w, kernels k x c x 3 x 3, one row and column of zeros around each image, so
/// that the output is n x k x h x w.
struct ConvolutionShape {
  int n, c, h, w, k;

  size_t inputs() const { return static_cast<size_t>(n) * c * h * w; }
  size_t weights() const { return static_cast<size_t>(k) * c * 9; }
  size_t outputs() const { return static_cast<size_t>(n) * k * h * w; }
};

/// visit(input, weight, output) with the indices of every product: output[o] += input[i] weight[w].
template <class Visit>
void for_each_term(const ConvolutionShape& shape, Visit&& visit) {
  const auto& [n, c, h, w, k] = shape;
  for (size_t output = 0; output < shape.outputs(); ++output) {
    const int x = output % w, y = output / w % h;
    const size_t kernel = output / w / h % k, image = output / w / h / k;
    for (int tap = 0; tap < 9 * c; ++tap) {
      const int from_x = x + tap % 3 - 1, from_y = y + tap / 3 % 3 - 1;
      if (from_x < 0 || from_x >= w || from_y < 0 || from_y >= h) continue;
      visit(((image * c + tap / 9) * h + from_y) * w + from_x, kernel * 9 * c + tap, output);
    }
  }
}

}  // namespace strata::stack_probe
