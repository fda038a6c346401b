// How the convolution kernels read an image: through a frame, in which an image has the zeros that
// a convolution wants around and between its pixels, by tables of offsets into it.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/window.h"

namespace strata::cpu {

/// One axis of a walk: how an image lies in its frame, and where the walk reads.
struct Axis {
  int64_t image, spread, origin;  // pixel i of the image is at origin + i spread
  int64_t frame;                  // the frame's extent
  int64_t first, step, count;     // result p reads tap t at first + p step + t tap_step
  int64_t taps, tap_step;
};

/// For the windows of a convolution over its input.
Axis forward_axis(const ops::WindowAxis& axis);
/// For the gradient of the input as a convolution over grad_output, its filters turned around.
Axis backward_axis(const ops::WindowAxis& axis);

/// The frame of an image, and the offsets of a walk over it.
struct Walk {
  Axis height, width;
  int64_t channels;      // of the image, all groups
  int64_t pixel_stride;  // from one pixel of the frame to the next

  Walk(const Axis& height, const Axis& width, int64_t channels)
      : height(height), width(width), channels(channels), pixel_stride(channels) {}

  int64_t image_size() const { return height.image * width.image * channels; }
  int64_t row_stride() const { return width.frame * pixel_stride; }
  int64_t frame_size() const { return height.frame * row_stride(); }
  /// Whether a frame differs from its image.
  bool needs_frame() const;

  std::vector<int64_t> pixel_offsets() const;
  /// In the order rows of taps, taps, channels.
  std::vector<int64_t> tap_offsets(int64_t group_channels) const;

  /// Result rows that meet the same rows of taps inside the image: the others would add zeros.
  struct Band {
    int64_t first_row, rows, first_tap_row, tap_rows;
  };
  std::vector<Band> bands() const;

  /// Copies an image of float or BFloat16 into a frame, whose zeros are there already; and back.
  template <class T>
  void place(const T* image, T* frame) const;
  void take(const float* frame, float* image) const;

  /// Calls `visit(n, frame)` for the images [begin, end) of a batch.
  template <class Visit>
  void for_each_frame(const float* images, int64_t begin, int64_t end, Visit&& visit) const {
    float* const memory = needs_frame() ? empty_frame() : nullptr;
    for (int64_t n = begin; n < end; ++n) {
      const float* image = images + n * image_size();
      if (memory) place(image, memory);
      visit(n, memory ? memory : image);
    }
  }

 private:
  /// Zeros, in this thread's scratch memory.
  float* empty_frame() const;
  bool is_above(int64_t p, int64_t tap) const;
  bool is_below(int64_t p, int64_t tap) const;
  int64_t at(int64_t row, int64_t column) const {
    return row * row_stride() + column * pixel_stride;
  }
};

}  // namespace strata::cpu
