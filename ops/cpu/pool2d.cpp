// The channels of a pixel lie side by side, so a few of them are pooled at once, in registers.
#include "ops/pool2d_kernels.h"

#include <algorithm>
#include <limits>

#include "ops/cpu/instructions.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // input elements that are not worth another thread

/// One window of one image: its pixels, and the image's distance from row to row and from column
/// to column.
struct Window {
  WindowRange rows, columns;
  int64_t row_stride, column_stride;

  float pixels() const { return static_cast<float>(rows.size() * columns.size()); }
};

/// An output row of an image.
struct Pooled {
  const Pool2dGeometry& geometry;
  int64_t row;
  const float* input;  // the image
  float* output;       // the image
};

/// An image.
struct PooledGradient {
  const Pool2dGeometry& geometry;
  bool tiled;  // each pixel of the input is in exactly one window
  const float *input, *output, *grad_output;
  float* grad_input;
};

}  // namespace
}  // namespace strata::cpu

#define STRATA_KERNEL "ops/cpu/pool2d.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
namespace {

STRATA_CHOOSE_KERNEL(pool2d_row, const Pooled&)
STRATA_CHOOSE_KERNEL(pool2d_image_backward, const PooledGradient&)

bool is_tiled(const ops::WindowAxis& axis) {
  return axis.stride == axis.window && axis.pad_before == 0 &&
         axis.input == axis.output * axis.stride;
}

}  // namespace

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  const int64_t rows = geometry.height.output;
  const int64_t in_image = geometry.height.input * geometry.width.input * geometry.channels;
  const int64_t out_image = rows * geometry.width.output * geometry.channels;
  note_instructions();
  parallel_for(geometry.batch * rows, kGrain / (in_image / rows + 1) + 1,
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row)
                   pool2d_row({geometry, row % rows, input.data<float>() + row / rows * in_image,
                               output.data<float>() + row / rows * out_image});
               });
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  const int64_t channels = geometry.channels;
  const int64_t in_image = geometry.height.input * geometry.width.input * channels;
  const int64_t out_image = geometry.height.output * geometry.width.output * channels;
  const bool tiled = is_tiled(geometry.height) && is_tiled(geometry.width);
  note_instructions();
  // Windows may overlap inside an image, so an image is one thread's.
  parallel_for(geometry.batch, kGrain / (in_image + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* result = grad_input.data<float>() + n * in_image;
      if (!tiled) std::fill_n(result, in_image, 0.0f);
      pool2d_image_backward({geometry, tiled, input.data<float>() + n * in_image,
                             output.data<float>() + n * out_image,
                             grad_output.data<float>() + n * out_image, result});
    }
  });
}

}  // namespace strata::cpu
