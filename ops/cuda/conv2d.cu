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

#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/gemm.cuh"
#include "ops/cuda/matrix_operand.cuh"

namespace strata::cuda {
namespace {

/// One axis of the window, in the 32-bit integers that kernels count in.
struct Axis {
  int input, output, stride, dilation, pad;

  explicit Axis(const ops::WindowAxis& axis)
      : input(static_cast<int>(axis.input)),
        output(static_cast<int>(axis.output)),
        stride(static_cast<int>(axis.stride)),
        dilation(static_cast<int>(axis.dilation)),
        pad(static_cast<int>(axis.pad_before)) {}
};

struct Tap {
  int h, w;     // rows and columns from the window's corner
  int channel;  // within the group
};

/// Numbers the taps of a window, channels fastest.
struct Taps {
  FastDivide channels, columns;
  int dilation_h, dilation_w;

  Taps(const Conv2dGeometry& geometry, int64_t group_channels)
      : channels(group_channels),
        columns(geometry.width.window),
        dilation_h(static_cast<int>(geometry.height.dilation)),
        dilation_w(static_cast<int>(geometry.width.dilation)) {}

  __device__ Tap operator()(int index) const {
    const auto [position, channel] = channels.divide(index);
    const auto [r, s] = columns.divide(position);
    return {r * dilation_h, s * dilation_w, channel};
  }
};

/// Numbers the pixels of a batch of images, columns fastest.
struct Pixels {
  FastDivide rows, columns;

  struct Pixel {
    int image, row, column;
  };
  __device__ Pixel operator()(int index) const {
    const auto [line, column] = columns.divide(index);
    const auto [image, row] = rows.divide(line);
    return {image, row, column};
  }
};

/// The input as patches: x at output pixel (n, p, q) and tap (r, s, c), 0 outside the image.
struct Patches {
  struct Corner {
    const float* address;  // may lie outside the image; only what is inside is read
    int h, w;
  };
  struct Offset {
    int distance, h, w;
  };

  const float* image;
  Axis height, width;
  int channels, group_channels;
  Pixels pixels;
  Taps taps;

  Patches(const Conv2dGeometry& geometry, const Tensor& input)
      : image(input.data<float>()),
        height(geometry.height),
        width(geometry.width),
        channels(static_cast<int>(geometry.in_channels)),
        group_channels(static_cast<int>(geometry.group_in_channels())),
        pixels{FastDivide(geometry.height.output), FastDivide(geometry.width.output)},
        taps(geometry, geometry.group_in_channels()) {}

  __device__ void select(int64_t group) { image += group * group_channels; }
  __device__ Corner corner(int pixel) const {
    const auto [n, p, q] = pixels(pixel);
    const int h = p * height.stride - height.pad, w = q * width.stride - width.pad;
    return {image + ((int64_t{n} * height.input + h) * width.input + w) * channels, h, w};
  }
  __device__ Offset offset(int tap) const {
    const auto [h, w, c] = taps(tap);
    return {(h * width.input + w) * channels + c, h, w};
  }
  __device__ float read(const Corner& corner, const Offset& offset) const {
    // As unsigned numbers, those below 0 are above every extent: one comparison for two.
    const bool inside = static_cast<unsigned>(corner.h + offset.h) < unsigned(height.input) &
                        static_cast<unsigned>(corner.w + offset.w) < unsigned(width.input);
    return inside ? corner.address[offset.distance] : 0.0f;
  }
};

struct PatchPerPixel : Patches {
  static constexpr bool kAlongK = true;
  using Line = Corner;
  using Step = Offset;
  __device__ Line line(int i) const { return corner(i); }
  __device__ Step step(int k) const { return offset(k); }
  __device__ float at(const Line& line, const Step& step) const { return read(line, step); }
};

struct PatchPerTap : Patches {
  static constexpr bool kAlongK = false;
  using Line = Offset;
  using Step = Corner;
  __device__ Line line(int i) const { return offset(i); }
  __device__ Step step(int k) const { return corner(k); }
  __device__ float at(const Line& line, const Step& step) const { return read(step, line); }
};

/// grad_output as input pixel (n, h, w) sees it: the gradient of the output (p, q) that read this
/// pixel through tap (r, s), 0 where there is none. p * stride = h + pad - r * dilation says which.
struct OutputPatches {
  static constexpr bool kAlongK = true;
  struct Line {
    const float* image;
    int h, w;  // in the padded input
  };
  using Step = Tap;

  const float* gradient;
  Axis height, width;
  int channels, group_channels;
  FastDivide stride_h, stride_w;
  Pixels pixels;
  Taps taps;

  OutputPatches(const Conv2dGeometry& geometry, const Tensor& grad_output)
      : gradient(grad_output.data<float>()),
        height(geometry.height),
        width(geometry.width),
        channels(static_cast<int>(geometry.out_channels)),
        group_channels(static_cast<int>(geometry.group_out_channels())),
        stride_h(geometry.height.stride),
        stride_w(geometry.width.stride),
        pixels{FastDivide(geometry.height.input), FastDivide(geometry.width.input)},
        taps(geometry, geometry.group_out_channels()) {}

  __device__ void select(int64_t group) { gradient += group * group_channels; }
  __device__ Line line(int i) const {
    const auto [n, h, w] = pixels(i);
    return {gradient + int64_t{n} * height.output * width.output * channels, h + height.pad,
            w + width.pad};
  }
  __device__ Step step(int k) const { return taps(k); }
  __device__ float at(const Line& line, const Step& tap) const {
    const int h = line.h - tap.h, w = line.w - tap.w;
    const auto [p, rest_h] = stride_h.divide(h);
    const auto [q, rest_w] = stride_w.divide(w);
    // The bitwise & leaves no branch, so that the loads of many taps can be under way at once.
    const bool read_by_output = (h >= 0) & (w >= 0) & (rest_h == 0) & (rest_w == 0) &
                                (p < height.output) & (q < width.output);
    return read_by_output ? line.image[(p * width.output + q) * channels + tap.channel] : 0.0f;
  }
};

/// The filters seen from an input channel: line c, k = (r, s, k').
struct FiltersPerInputChannel {
  static constexpr bool kAlongK = false;
  using Line = int;
  using Step = int64_t;

  const float* filters;
  int64_t group_stride, filter_size;  // elements of all filters of a group, of one filter
  int in_channels;                    // of a group
  FastDivide out_channels;

  FiltersPerInputChannel(const Conv2dGeometry& geometry, const Tensor& weight, int64_t filter_size)
      : filters(weight.data<float>()),
        group_stride(geometry.group_out_channels() * filter_size),
        filter_size(filter_size),
        in_channels(static_cast<int>(geometry.group_in_channels())),
        out_channels(geometry.group_out_channels()) {}

  __device__ void select(int64_t group) { filters += group * group_stride; }
  __device__ Line line(int j) const { return j; }
  __device__ Step step(int k) const {
    const auto [position, filter] = out_channels.divide(k);
    return filter * filter_size + int64_t{position} * in_channels;
  }
  __device__ float at(Line line, Step step) const { return filters[line + step]; }
};

/// The extents of the three products, checked against what 32-bit offsets within one image hold.
struct Sizes {
  int64_t in_pixels, out_pixels, window, filter;

  explicit Sizes(const Conv2dGeometry& geometry)
      : in_pixels(geometry.batch * geometry.height.input * geometry.width.input),
        out_pixels(geometry.batch * geometry.height.output * geometry.width.output),
        window(geometry.height.window * geometry.width.window),
        filter(window * geometry.group_in_channels()) {
    const ops::WindowAxis &h = geometry.height, &w = geometry.width;
    const double padded_rows = static_cast<double>(h.input + h.pad_before + h.pad_after);
    const double padded_columns = static_cast<double>(w.input + w.pad_before + w.pad_after);
    const double channels =
        static_cast<double>(std::max(geometry.in_channels, geometry.out_channels));
    check(padded_rows * padded_columns * channels <= plan::kMaxExtent &&
              std::max(h.stride, w.stride) <= plan::kMaxExtent,
          "conv2d: one image of {} x {} (padding included) with {} channels at strides {} and {} "
          "is too large for the GPU's own kernels, which take 2^30 elements",
          padded_rows, padded_columns, channels, h.stride, w.stride);
  }
};

}  // namespace

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  const Sizes sizes(geometry);
  const int64_t outputs = geometry.group_out_channels();
  run_gemm("conv2d", {sizes.out_pixels, outputs, sizes.filter, geometry.groups},
           PatchPerPixel{{geometry, input}},
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
  run_gemm("conv2d input gradient", {sizes.in_pixels, inputs, k, geometry.groups},
           OutputPatches(geometry, grad_output),
           FiltersPerInputChannel(geometry, weight, sizes.filter),
           GemmOutput{.data = grad_input.data<float>(),
                      .row_stride = geometry.in_channels,
                      .batch_stride = inputs});
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  const Sizes sizes(geometry);
  const int64_t outputs = geometry.group_out_channels();
  run_gemm("conv2d weight gradient", {sizes.filter, outputs, sizes.out_pixels, geometry.groups},
           PatchPerTap{{geometry, input}},
           LinesAcrossK{grad_output.data<float>(), geometry.out_channels, outputs},
           GemmOutput{.data = grad_weight.data<float>(),
                      .row_stride = 1,
                      .column_stride = sizes.filter,
                      .batch_stride = outputs * sizes.filter});
}

}  // namespace strata::cuda
