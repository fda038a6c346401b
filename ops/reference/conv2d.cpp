// Forward and both gradients are sums of the same products, taken from different sides: one loop
// nest visits all (x, w, y) triples, and each function says what a triple adds to.
#include "ops/conv2d_kernels.h"

namespace strata::reference {
namespace {

/// Calls `visit(x, w, y)` with the element offsets of every product of the convolution whose x lies
/// inside the image.
template <class Visit>
void for_each_product(const Conv2dGeometry& geometry, Visit&& visit) {
  const auto& [batch, in_channels, out_channels, groups, height, width] = geometry;
  const int64_t channels = geometry.group_in_channels();
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t p = 0; p < height.output; ++p)
      for (int64_t q = 0; q < width.output; ++q)
        for (int64_t k = 0; k < out_channels; ++k) {
          const int64_t y = ((n * height.output + p) * width.output + q) * out_channels + k;
          const int64_t group = k / geometry.group_out_channels();
          for (int64_t r = 0; r < height.window; ++r)
            for (int64_t s = 0; s < width.window; ++s) {
              const int64_t h = p * height.stride + r * height.dilation - height.pad_before;
              const int64_t w = q * width.stride + s * width.dilation - width.pad_before;
              if (h < 0 || h >= height.input || w < 0 || w >= width.input) continue;
              const int64_t image =
                  ((n * height.input + h) * width.input + w) * in_channels + group * channels;
              const int64_t filter = ((k * height.window + r) * width.window + s) * channels;
              for (int64_t c = 0; c < channels; ++c) visit(image + c, filter + c, y);
            }
        }
}

}  // namespace

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  output.fill_zero();
  visit_floating(output.dtype(), [&]<class T>(T) {
    const T *image = input.data<T>(), *filter = weight.data<T>();
    T* result = output.data<T>();
    for_each_product(geometry,
                     [&](int64_t x, int64_t w, int64_t y) { result[y] += image[x] * filter[w]; });
  });
}

void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,
                       const Tensor& weight, Tensor& grad_input) {
  grad_input.fill_zero();
  visit_floating(grad_input.dtype(), [&]<class T>(T) {
    const T *grad = grad_output.data<T>(), *filter = weight.data<T>();
    T* result = grad_input.data<T>();
    for_each_product(geometry,
                     [&](int64_t x, int64_t w, int64_t y) { result[x] += grad[y] * filter[w]; });
  });
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  grad_weight.fill_zero();
  visit_floating(grad_weight.dtype(), [&]<class T>(T) {
    const T *image = input.data<T>(), *grad = grad_output.data<T>();
    T* result = grad_weight.data<T>();
    for_each_product(geometry,
                     [&](int64_t x, int64_t w, int64_t y) { result[w] += grad[y] * image[x]; });
  });
}

}  // namespace strata::reference
