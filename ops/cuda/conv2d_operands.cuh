// Images and filters as operands of the product in gemm.cuh: see conv2d.cu for which is used where.
//
// Kernels count pixels and taps in 32 bits and divide them by constants; an image is found by a
// 64-bit address, so only one image, not the batch, is limited in size.
#pragma once

#include "ops/conv2d_kernels.h"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/load_if.cuh"

namespace strata::cuda {

struct Tap {
  int h, w;     // rows and columns from the window's corner
  int channel;  // within the group
};

/// Numbers the taps of a window, channels fastest.
struct Taps {
  FastDivide channels, columns;
  int dilation_h, dilation_w;

  __device__ Tap operator()(int index) const {
    const auto [position, channel] = channels.divide(index);
    const auto [r, s] = columns.divide(position);
    return {r * dilation_h, s * dilation_w, channel};
  }
};

inline Taps taps_of(const Conv2dGeometry& geometry, int64_t group_channels) {
  return {FastDivide(group_channels), FastDivide(geometry.width.window),
          static_cast<int>(geometry.height.dilation), static_cast<int>(geometry.width.dilation)};
}

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

/// Images as patches: the value at a pixel's corner and a tap's offset from it, 0 outside the
/// image.
struct Patches {
  struct Corner {
    const float* address;  // may lie outside the image; only what is inside is read
    int h, w;
  };
  struct Offset {
    int distance, h, w;
  };

  const float* images;
  int rows, columns, channels, group_channels;
  int stride_h, stride_w, pad_h, pad_w;
  Pixels pixels;
  Taps taps;

  __device__ void select(int64_t group) { images += group * group_channels; }
  __device__ Corner corner(int pixel) const {
    const auto [n, p, q] = pixels(pixel);
    const int h = p * stride_h - pad_h, w = q * stride_w - pad_w;
    return {images + ((int64_t{n} * rows + h) * columns + w) * channels, h, w};
  }
  __device__ Offset offset(int tap) const {
    const auto [h, w, c] = taps(tap);
    return {(h * columns + w) * channels + c, h, w};
  }
  __device__ float read(const Corner& corner, const Offset& offset, bool wanted) const {
    // As unsigned numbers, those below 0 are above every extent: one comparison for two.
    const bool inside = (static_cast<unsigned>(corner.h + offset.h) < unsigned(rows)) &
                        (static_cast<unsigned>(corner.w + offset.w) < unsigned(columns));
    return load_if(wanted & inside, corner.address + offset.distance);
  }
};

/// The input: x at output pixel (n, p, q) and tap (r, s, c).
inline Patches input_patches(const Conv2dGeometry& geometry, const Tensor& input) {
  const ops::WindowAxis &h = geometry.height, &w = geometry.width;
  return {.images = input.data<float>(),
          .rows = static_cast<int>(h.input),
          .columns = static_cast<int>(w.input),
          .channels = static_cast<int>(geometry.in_channels),
          .group_channels = static_cast<int>(geometry.group_in_channels()),
          .stride_h = static_cast<int>(h.stride),
          .stride_w = static_cast<int>(w.stride),
          .pad_h = static_cast<int>(h.pad_before),
          .pad_w = static_cast<int>(w.pad_before),
          .pixels = {FastDivide(h.output), FastDivide(w.output)},
          .taps = taps_of(geometry, geometry.group_in_channels())};
}

/// grad_output at input pixel (n, h, w) and tap (r, s, k') where both strides are 1: the output row
/// that read row h through tap r is h + pad - r * dilation, so these are patches as well, with a
/// negative dilation.
inline Patches unstrided_gradient_patches(const Conv2dGeometry& geometry,
                                          const Tensor& grad_output) {
  const ops::WindowAxis &h = geometry.height, &w = geometry.width;
  Taps taps = taps_of(geometry, geometry.group_out_channels());
  taps.dilation_h = -taps.dilation_h;
  taps.dilation_w = -taps.dilation_w;
  return {.images = grad_output.data<float>(),
          .rows = static_cast<int>(h.output),
          .columns = static_cast<int>(w.output),
          .channels = static_cast<int>(geometry.out_channels),
          .group_channels = static_cast<int>(geometry.group_out_channels()),
          .stride_h = 1,
          .stride_w = 1,
          .pad_h = -static_cast<int>(h.pad_before),
          .pad_w = -static_cast<int>(w.pad_before),
          .pixels = {FastDivide(h.input), FastDivide(w.input)},
          .taps = taps};
}

struct PatchPerPixel : Patches {
  static constexpr bool kAlongK = true;
  using Line = Corner;
  using Step = Offset;
  __device__ Line line(int i) const { return corner(i); }
  __device__ Step step(int k) const { return offset(k); }
  __device__ float at(const Line& line, const Step& step, bool wanted) const {
    return read(line, step, wanted);
  }
};

struct PatchPerTap : Patches {
  static constexpr bool kAlongK = false;
  using Line = Offset;
  using Step = Corner;
  __device__ Line line(int i) const { return offset(i); }
  __device__ Step step(int k) const { return corner(k); }
  __device__ float at(const Line& line, const Step& step, bool wanted) const {
    return read(step, line, wanted);
  }
};

/// The same for any strides: p * stride = h + pad - r * dilation has a solution or not.
struct StridedGradientPatches {
  static constexpr bool kAlongK = true;
  struct Line {
    const float* image;
    int h, w;  // in the padded input
  };
  using Step = Tap;

  const float* gradient;
  int rows, columns, channels, group_channels;
  int pad_h, pad_w;
  FastDivide stride_h, stride_w;
  Pixels pixels;
  Taps taps;

  StridedGradientPatches(const Conv2dGeometry& geometry, const Tensor& grad_output)
      : gradient(grad_output.data<float>()),
        rows(static_cast<int>(geometry.height.output)),
        columns(static_cast<int>(geometry.width.output)),
        channels(static_cast<int>(geometry.out_channels)),
        group_channels(static_cast<int>(geometry.group_out_channels())),
        pad_h(static_cast<int>(geometry.height.pad_before)),
        pad_w(static_cast<int>(geometry.width.pad_before)),
        stride_h(geometry.height.stride),
        stride_w(geometry.width.stride),
        pixels{FastDivide(geometry.height.input), FastDivide(geometry.width.input)},
        taps(taps_of(geometry, geometry.group_out_channels())) {}

  __device__ void select(int64_t group) { gradient += group * group_channels; }
  __device__ Line line(int i) const {
    const auto [n, h, w] = pixels(i);
    return {gradient + int64_t{n} * rows * columns * channels, h + pad_h, w + pad_w};
  }
  __device__ Step step(int k) const { return taps(k); }
  __device__ float at(const Line& line, const Step& tap, bool wanted) const {
    const int h = line.h - tap.h, w = line.w - tap.w;
    const auto [p, rest_h] = stride_h.divide(max(h, 0));
    const auto [q, rest_w] = stride_w.divide(max(w, 0));
    const bool was_read =
        (h >= 0) & (w >= 0) & (rest_h == 0) & (rest_w == 0) & (p < rows) & (q < columns);
    return load_if(wanted & was_read, line.image + (p * columns + q) * channels + tap.channel);
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
  __device__ float at(Line line, Step step, bool wanted) const {
    return load_if(wanted, filters + line + step);
  }
};

}  // namespace strata::cuda
