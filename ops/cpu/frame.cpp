#include "ops/cpu/frame.h"

#include <algorithm>
#include <cstring>

#include "ops/cpu/scratch.h"
#include "tensor/bfloat16.h"

namespace strata::cpu {

Axis forward_axis(const ops::WindowAxis& axis) {
  return {.image = axis.input,
          .spread = 1,
          .origin = axis.pad_before,
          .frame = axis.pad_before + axis.input + axis.pad_after,
          .first = 0,
          .step = axis.stride,
          .count = axis.output,
          .taps = axis.window,
          .tap_step = axis.dilation};
}

// Pixel h of the input meets tap t at output p where p stride = h + pad_before - t dilation. With
// the taps in reverse order the walk reads forward, from h + pad_before - reach on.
Axis backward_axis(const ops::WindowAxis& axis) {
  const int64_t reach = (axis.window - 1) * axis.dilation;
  const int64_t origin = std::max<int64_t>(reach - axis.pad_before, 0);
  const int64_t last_read = axis.input - 1 + axis.pad_before;
  const int64_t last_pixel = (axis.output - 1) * axis.stride;
  return {.image = axis.output,
          .spread = axis.stride,
          .origin = origin,
          .frame = origin + std::max(last_read, last_pixel) + 1,
          .first = origin + axis.pad_before - reach,
          .step = 1,
          .count = axis.input,
          .taps = axis.window,
          .tap_step = axis.dilation};
}

bool Walk::needs_frame() const {
  for (const Axis& axis : {height, width})
    if (axis.spread != 1 || axis.origin != 0 || axis.frame != axis.image) return true;
  return pixel_stride != channels;
}

std::vector<int64_t> Walk::pixel_offsets() const {
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<size_t>(height.count * width.count));
  for (int64_t p = 0; p < height.count; ++p)
    for (int64_t q = 0; q < width.count; ++q)
      offsets.push_back(at(height.first + p * height.step, width.first + q * width.step));
  return offsets;
}

std::vector<int64_t> Walk::tap_offsets(int64_t group_channels) const {
  std::vector<int64_t> offsets;
  offsets.reserve(static_cast<size_t>(height.taps * width.taps * group_channels));
  for (int64_t r = 0; r < height.taps; ++r)
    for (int64_t s = 0; s < width.taps; ++s)
      for (int64_t c = 0; c < group_channels; ++c)
        offsets.push_back(at(r * height.tap_step, s * width.tap_step) + c);
  return offsets;
}

std::vector<Walk::Band> Walk::bands() const {
  std::vector<Band> result;
  for (int64_t p = 0; p < height.count; ++p) {
    int64_t first = 0, end = height.taps;
    while (first < end && is_above(p, first)) ++first;
    while (first < end && is_below(p, end - 1)) --end;
    if (!result.empty() && result.back().first_tap_row == first &&
        result.back().tap_rows == end - first)
      ++result.back().rows;
    else
      result.push_back({p, 1, first, end - first});
  }
  return result;
}

bool Walk::is_above(int64_t p, int64_t tap) const {
  return height.first + p * height.step + tap * height.tap_step < height.origin;
}
bool Walk::is_below(int64_t p, int64_t tap) const {
  return height.first + p * height.step + tap * height.tap_step >
         height.origin + (height.image - 1) * height.spread;
}

namespace {

// A few channels: a call of memmove would take longer than its work.
template <class T>
void copy_pixel(const T* from, int64_t channels, T* to) {
  int64_t c = 0;
  for (; c + 8 <= channels; c += 8) std::memcpy(to + c, from + c, 8 * sizeof(T));
  for (; c < channels; ++c) to[c] = from[c];
}

}  // namespace

template <class T>
void Walk::place(const T* image, T* frame) const {
  const bool whole_rows = width.spread == 1 && pixel_stride == channels;
  for (int64_t h = 0; h < height.image; ++h) {
    const T* from = image + h * width.image * channels;
    T* to = frame + at(height.origin + h * height.spread, width.origin);
    if (whole_rows) {
      std::copy_n(from, width.image * channels, to);
    } else {
      for (int64_t w = 0; w < width.image; ++w)
        copy_pixel(from + w * channels, channels, to + w * width.spread * pixel_stride);
    }
  }
}

template void Walk::place(const float* image, float* frame) const;
template void Walk::place(const BFloat16* image, BFloat16* frame) const;

void Walk::take(const float* frame, float* image) const {
  for (int64_t h = 0; h < height.image; ++h)
    for (int64_t w = 0; w < width.image; ++w)
      copy_pixel(frame + at(height.origin + h * height.spread, width.origin + w * width.spread),
                 channels, image + (h * width.image + w) * channels);
}

float* Walk::empty_frame() const {
  float* frame = thread_scratch(Scratch::frame, frame_size());
  std::fill_n(frame, frame_size(), 0.0f);
  return frame;
}

}  // namespace strata::cpu
