// The three convolutions as matrix products over patches that are never written down.
//
//            i              j                k              A(i, k)          B(k, j)
//   forward  pixel (n,p,q)  output channel   tap (r,s,c)    x at pixel, tap  w[j][k]
//   input    pixel (n,h,w)  input channel    tap (r,s,k')   g at pixel, tap  w[k'][r,s][j]
//   weight   tap (r,s,c)    output channel   pixel (n,p,q)  x at pixel, tap  g[k][j]
//
// The gradient of the input gathers: each pixel asks which outputs it went into, so nothing is
// added to memory that another thread also adds to. Channels are the fastest axis in memory, so
// loads run along taps, or along output channels where k is a pixel. Each group is one product of a
// batch; a group of few channels leaves most of a tile idle, which a depthwise convolution should
// know.
#include "ops/conv2d_kernels.h"

#include "ops/cuda/conv2d_operands.cuh"
#include "ops/cuda/gemm.cuh"
#include "ops/cuda/matrix_operand.cuh"

namespace strata::cuda {
namespace {

/// The extents of the three products, checked against what 32-bit offsets within one image hold.
struct Sizes {
  int64_t in_pixels, out_pixels, window, filter;

  explicit Sizes(const Conv2dGeometry& geometry)
      : in_pixels(geometry.batch * geometry.height.input * geometry.width.input),
        out_pixels(geometry.batch * geometry.height.output * geometry.width.output),
        window(geometry.height.window * geometry.width.window),
        filter(window * geometry.group_in_channels()) {
    const ops::WindowAxis &h = geometry.height, &w = geometry.width;
    const int64_t rows = h.input + h.pad_before + h.pad_after;
    const int64_t columns = w.input + w.pad_before + w.pad_after;
    const int64_t channels = std::max(geometry.in_channels, geometry.out_channels);
    const double elements = 1.0 * rows * columns * channels;  // cannot overflow
    check(elements <= plan::kMaxExtent && std::max(h.stride, w.stride) <= plan::kMaxExtent,
          "conv2d: one image of {} x {} (padding included) with {} channels at strides {} and {} "
          "is too large for the GPU's own kernels, which take 2^30 elements",
          rows, columns, channels, h.stride, w.stride);
  }
};

}  // namespace

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  const Sizes sizes(geometry);
  const int64_t outputs = geometry.group_out_channels();
  run_gemm("conv2d", {sizes.out_pixels, outputs, sizes.filter, geometry.groups},
           PatchPerPixel{input_patches(geometry, input)},
           LinesAlongK{weight.data<float>(), sizes.filter, outputs * sizes.filter},
           GemmOutput{.data = output.data<float>(),
                      .row_stride = geometry.out_channels,
                      .batch_stride = outputs});
}

void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,
                       const Tensor& weight, Tensor& grad_input) {
  const Sizes sizes(geometry);
  const int64_t inputs = geometry.group_in_channels();
  const int64_t k = sizes.window * geometry.group_out_channels();
  const GemmExtents extents{sizes.in_pixels, inputs, k, geometry.groups};
  const FiltersPerInputChannel filters(geometry, weight, sizes.filter);
  const GemmOutput result{
      .data = grad_input.data<float>(), .row_stride = geometry.in_channels, .batch_stride = inputs};
  if (geometry.height.stride == 1 && geometry.width.stride == 1)
    run_gemm("conv2d input gradient", extents,
             PatchPerPixel{unstrided_gradient_patches(geometry, grad_output)}, filters, result);
  else
    run_gemm("conv2d input gradient", extents, StridedGradientPatches(geometry, grad_output),
             filters, result);
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  const Sizes sizes(geometry);
  const int64_t outputs = geometry.group_out_channels();
  run_gemm("conv2d weight gradient", {sizes.filter, outputs, sizes.out_pixels, geometry.groups},
           PatchPerTap{input_patches(geometry, input)},
           LinesAcrossK{grad_output.data<float>(), geometry.out_channels, outputs},
           GemmOutput{.data = grad_weight.data<float>(),
                      .row_stride = 1,
                      .column_stride = sizes.filter,
                      .batch_stride = outputs * sizes.filter});
}

}  // namespace strata::cuda
