// A convolutional stage on the CPU: the convolution's own output never leaves the cache. Two rows
// of it at a time are computed (ops/cpu/gather_gemm.h) and pooled at once. How the convolution
// itself works: ops/cpu/conv2d.cpp. The way back: conv2d_relu_max_pool_backward.cpp.
#include "ops/conv2d_relu_max_pool_kernels.h"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "ops/cpu/bf16.h"
#include "ops/cpu/frame.h"
#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_bf16.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/pair_product.h"
#include "ops/cpu/pooled_row.h"
#include "ops/cpu/scratch.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

int64_t work_of_image(const Conv2dGeometry& geometry) {
  return static_cast<int64_t>(geometry.flops() / 2) / std::max<int64_t>(geometry.batch, 1);
}

std::span<const int64_t> two_rows(const std::vector<int64_t>& pixels, int64_t p, int64_t width) {
  return std::span(pixels).subspan(static_cast<size_t>(2 * p * width),
                                   static_cast<size_t>(2 * width));
}

/// The rows of a convolution, two at a time.
class Fp32Convolution {
 public:
  Fp32Convolution(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight)
      : geometry_(geometry),
        input_(input),
        walk_(forward_axis(geometry.height), forward_axis(geometry.width), geometry.in_channels),
        pixels_(walk_.pixel_offsets()),
        taps_(walk_.tap_offsets(geometry.in_channels)),
        filters_{std::ssize(taps_), geometry.out_channels},
        memory_(workspace(filters_.size())) {
    filters_.data = memory_.data<float>();
    filters_.pack_all(matrix_view(weight.data<float>(), filters_.depth, /*transposed=*/true));
  }

  /// Calls visit(n, convolve), where convolve(p, band) computes rows 2 p and 2 p + 1 of image n.
  template <class Visit>
  void for_each_image(const Visit& visit) const {
    parallel_for(geometry_.batch, grain_for(work_of_image(geometry_)),
                 [&](int64_t begin, int64_t end) {
                   walk_.for_each_frame(
                       input_.data<float>(), begin, end, [&](int64_t n, const float* frame) {
                         visit(n, [&](int64_t p, float* band) { convolve(frame, p, band); });
                       });
                 });
  }

 private:
  void convolve(const float* frame, int64_t p, float* band) const {
    for (int64_t index = 0; index < filters_.count(); ++index) {
      const PackedPanels::Panel panel = filters_.panel(index);
      gather_gemm({.a = frame,
                   .row_offsets = two_rows(pixels_, p, geometry_.width.output),
                   .depth_offsets = taps_,
                   .b = panel.data,
                   .b_stride = panel.stride,
                   .c = band + panel.first_column,
                   .c_stride = geometry_.out_channels,
                   .columns = panel.columns,
                   .accumulate = false});
    }
  }

  const Conv2dGeometry& geometry_;
  const Tensor& input_;
  Walk walk_;
  std::vector<int64_t> pixels_, taps_;
  PackedPanels filters_;
  Tensor memory_;
};

/// The same with products of bfloat16. Pairs are neighbours in a row of taps: numbers of one pixel,
/// or of two. Where those are odd, the last one's partner, a number beside the window, is
/// multiplied by zero: which tells only if it is infinite or NaN.
class Bf16Convolution {
 public:
  Bf16Convolution(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight)
      : geometry_(geometry),
        input_(input),
        walk_(forward_axis(geometry.height), forward_axis(geometry.width), geometry.in_channels),
        pixels_(walk_.pixel_offsets()) {
    const bool whole_rows = walk_.width.tap_step == 1;
    const int64_t runs_wide = whole_rows ? 1 : walk_.width.taps;
    const int64_t run = walk_.width.taps * walk_.channels / runs_wide;
    for (int64_t r = 0; r < walk_.height.taps; ++r)
      for (int64_t s = 0; s < runs_wide; ++s)
        for (int64_t i = 0; i < run; i += 2)
          taps_.push_back(r * walk_.height.tap_step * walk_.row_stride() +
                          s * walk_.width.tap_step * walk_.channels + i);
    const int64_t pairs = std::ssize(taps_), filters = geometry.out_channels;
    const PairMemory by_filter(filters * pairs);
    pair_up(
        {filters * walk_.height.taps * runs_wide, run, weight.data<float>(), DType::float32, run},
        by_filter.data());
    filters_ = PairMemory(panels_size(filters, pairs));
    pack_panels(by_filter.data(), filters, pairs, filters_.data());
  }

  template <class Visit>
  void for_each_image(const Visit& visit) const {
    parallel_for(geometry_.batch, grain_for(work_of_image(geometry_) / 2),
                 [&](int64_t begin, int64_t end) {
                   const int64_t size = walk_.frame_size() + 1;  // with the partner of the last
                   auto* const frame = thread_scratch<BFloat16>(Scratch::frame, size);
                   std::fill_n(frame, size, BFloat16{0});
                   for (int64_t n = begin; n < end; ++n) {
                     walk_.place(image(n), frame);
                     visit(n, [&](int64_t p, float* band) { convolve(frame, p, band); });
                   }
                 });
  }

 private:
  const BFloat16* image(int64_t n) const {
    const int64_t size = walk_.image_size();
    if (input_.dtype() == DType::bfloat16) return input_.data<BFloat16>() + n * size;
    auto* const rounded = thread_scratch<BFloat16>(Scratch::rows, size);
    narrow({input_.data<float>() + n * size, size, rounded});
    return rounded;
  }

  void convolve(const BFloat16* frame, int64_t p, float* band) const {
    const int64_t filters = geometry_.out_channels;
    for (int64_t first = 0; first < filters; first += kPairPanelWidth)
      pair_product({.a = frame,
                    .row_offsets = two_rows(pixels_, p, geometry_.width.output),
                    .depth_offsets = taps_,
                    .b = filters_.data() + first * std::ssize(taps_),
                    .b_stride = kPairPanelWidth,
                    .c = band + first,
                    .c_stride = filters,
                    .columns = std::min(kPairPanelWidth, filters - first)});
  }

  const Conv2dGeometry& geometry_;
  const Tensor& input_;
  Walk walk_;
  std::vector<int64_t> pixels_, taps_;
  PairMemory filters_{0};
};

/// Two rows of the convolution at a time become one of the output.
template <class Convolve>
void pool_image(const ConvStageGeometry& geometry, int64_t n, const Tensor& bias,
                const Convolve& convolve, Tensor& output, Tensor& winners) {
  const int64_t channels = geometry.convolution.out_channels;
  const int64_t width = geometry.convolution.width.output;
  const int64_t row = geometry.pooled_width * channels;
  const bool small = output.dtype() == DType::bfloat16;
  float* const band = thread_scratch(Scratch::band, 2 * width * channels + row);
  int32_t* const winner_numbers = thread_scratch<int32_t>(Scratch::counts, row);
  for (int64_t p = 0; p < geometry.pooled_height; ++p) {
    const int64_t to = (n * geometry.pooled_height + p) * row;
    float* const pooled = small ? band + 2 * width * channels : output.data<float>() + to;
    convolve(p, band);
    pool_row({.rows = band,
              .row_stride = width * channels,
              .channels = channels,
              .count = geometry.pooled_width,
              .bias = bias.defined() ? bias.data<float>() : nullptr,
              .output = pooled,
              .winners = winners.defined() ? winners.data<uint8_t>() + to : nullptr,
              .winner_numbers = winner_numbers});
    if (small) narrow({pooled, row, output.data<BFloat16>() + to});
  }
}

}  // namespace

bool supports_conv2d_relu_max_pool(const ConvStageGeometry& geometry) {
  // Backward keeps offsets into a frame in 32 bits.
  const Conv2dGeometry& convolution = geometry.convolution;
  const auto extent = [](const ops::WindowAxis& axis) {
    return axis.pad_before + axis.input + axis.pad_after;
  };
  const int64_t pixels = extent(convolution.height) * extent(convolution.width);
  constexpr int64_t kMostFloats = std::numeric_limits<int32_t>::max() / 2;
  return convolution.groups == 1 && pixels <= kMostFloats / (convolution.in_channels + 16);
}

void conv2d_relu_max_pool(const ConvStageGeometry& geometry, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners) {
  note_instructions();
  if (output.dtype() == DType::bfloat16)
    Bf16Convolution(geometry.convolution, input, weight)
        .for_each_image([&](int64_t n, const auto& convolve) {
          pool_image(geometry, n, bias, convolve, output, winners);
        });
  else
    Fp32Convolution(geometry.convolution, input, weight)
        .for_each_image([&](int64_t n, const auto& convolve) {
          pool_image(geometry, n, bias, convolve, output, winners);
        });
}

}  // namespace strata::cpu
