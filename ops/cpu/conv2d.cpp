// Convolution on the CPU, and how its kernels come near to what a processor can do.
//
// A core begins one or two multiply-adds of a whole vector (16 floats with AVX-512) in each cycle,
// and a result is there some four cycles later. To use that, a kernel needs three things: lanes
// that all do useful work, eight or more sums under way that do not wait for one another, and
// operands that come from registers or from the nearest cache.
//
// Lanes are output channels. Images are NHWC, so the channels of an output pixel are contiguous;
// and every lane multiplies the same number of the image, which is read once and spread over a
// vector. No lane ever adds to another one.
//
// Sums are a tile in registers: a few output pixels by two vectors of channels, 8 x 32 with
// AVX-512. For a tap of the filter and an input channel the kernel reads two vectors of weights and
// eight numbers of the image, and does sixteen multiply-adds: ten loads for sixteen, where memory
// could feed about one for one. A tile is stored once, when all taps and channels have been added.
//
//   for each tile of pixels x channels                 (threads take images)
//     for each tap (r, s), for each input channel c      depth: offset of (r, s, c) in the image
//       for each pixel i of the tile                       row: offset of the pixel in the image
//         sum[i] += image[row[i] + depth[r, s, c]] * weights[r, s, c][channels]
//
// That is a matrix product whose left factor is never laid out: element (i, l) of the matrix of
// windows is at row[i] + depth[l]. Two tables of offsets say everything about stride, dilation and
// shape, so one inner loop (ops/cpu/gather_gemm.h) serves all of them, and dense layers too. The
// right factor, the weights, is copied into panels as wide as a tile, in which the loop reads on
// and on; a panel of 256 taps and channels is 32 KiB, and tile after tile finds it in the cache.
//
// The three passes are three such products:
//
// forward       rows = output pixels, depth = taps x channels, columns = output channels
// grad_input    the same walk over grad_output, its pixels `stride` apart and zeros around them,
//               the filters turned by 180 degrees and input and output channels exchanged
// grad_weight   rows = taps x channels, depth = output pixels, columns = output channels
//
// Zeros around or between pixels are not tested for but copied: an image that needs them is put
// into a frame that has them (ops/cpu/frame.h). Rows of taps that would meet nothing else are left
// out.
//
// Threads take whole images, so that they share nothing but the weights. The gradient of the
// weights is a sum over images: it is cut into partial sums by the shape alone, and these are added
// in their order, so that the result has the same bits for any number of threads.
//
// What is lost: lanes where the channels are no multiple of 8, registers where a tile has fewer
// rows (a few pixels at the end), and for small filters (25 products in MNIST's first layer) the
// tile's way out of the registers. A stage with pooling saves that way, and three quarters of the
// backward pass: ops/cpu/conv2d_relu_max_pool.cpp.
#include "ops/conv2d_kernels.h"

#include <algorithm>
#include <span>
#include <vector>

#include "ops/cpu/frame.h"
#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/transposed_copy.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

std::span<const int64_t> part(const std::vector<int64_t>& offsets, int64_t first, int64_t count) {
  return std::span(offsets).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

/// results[n][pixel][group, columns] = sum over taps and channels; `filters` holds the packed
/// filters of one group after the other.
void correlate(const Walk& walk, int64_t batch, int64_t groups, const PackedPanels& filters,
               const float* images, float* results) {
  const int64_t group_channels = walk.channels / groups;
  const std::vector<int64_t> pixels = walk.pixel_offsets();
  const std::vector<int64_t> taps = walk.tap_offsets(group_channels);
  const std::vector<Walk::Band> bands = walk.bands();
  const int64_t pixel_count = static_cast<int64_t>(pixels.size());
  const int64_t tap_row = walk.width.taps * group_channels;
  const int64_t result_channels = groups * filters.columns;
  const auto compute_band = [&](const Walk::Band& band, const PackedPanels::Panel& panel,
                                const float* frame, float* result) {
    const int64_t first_pixel = band.first_row * walk.width.count;
    gather_gemm({.a = frame,
                 .row_offsets = part(pixels, first_pixel, band.rows * walk.width.count),
                 .depth_offsets = part(taps, band.first_tap_row * tap_row, band.tap_rows * tap_row),
                 .b = panel.data + band.first_tap_row * tap_row * panel.stride,
                 .b_stride = panel.stride,
                 .c = result + first_pixel * result_channels + panel.first_column,
                 .c_stride = result_channels,
                 .columns = panel.columns,
                 .accumulate = false});
  };
  const int64_t work = pixel_count * result_channels * filters.depth;
  parallel_for(batch, grain_for(work), [&](int64_t begin, int64_t end) {
    walk.for_each_frame(images, begin, end, [&](int64_t n, const float* frame) {
      for (int64_t group = 0; group < groups; ++group) {
        PackedPanels own = filters;
        own.data += group * filters.size();
        float* result = results + n * pixel_count * result_channels + group * filters.columns;
        for (int64_t index = 0; index < own.count(); ++index)
          for (const Walk::Band& band : bands)
            compute_band(band, own.panel(index), frame + group * group_channels, result);
      }
    });
  });
}

/// partial[tap][column] (+)= sum over pixels, for one group of one image.
void add_image(const std::vector<int64_t>& taps, const std::vector<int64_t>& pixels,
               const float* frame, const float* grad, int64_t grad_stride, int64_t columns,
               bool accumulate, float* partial) {
  PackedPanels packed{static_cast<int64_t>(pixels.size()), columns};
  // Rows of grad_output serve as they are where whole vectors can be read.
  const bool in_place = columns % kColumnUnit == 0;
  if (!in_place) packed.data = thread_scratch(Scratch::panels, packed.size());
  if (!in_place)
    packed.pack(0, packed.count(), {.data = grad, .row = grad_stride, .column = 1}, 0,
                packed.depth);
  for (int64_t index = 0; index < packed.count(); ++index) {
    const PackedPanels::Panel panel = packed.panel(index);
    gather_gemm({.a = frame,
                 .row_offsets = taps,
                 .depth_offsets = pixels,
                 .b = in_place ? grad + panel.first_column : panel.data,
                 .b_stride = in_place ? grad_stride : panel.stride,
                 .c = partial + panel.first_column,
                 .c_stride = columns,
                 .columns = panel.columns,
                 .accumulate = accumulate});
  }
}

}  // namespace

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  note_instructions();
  const int64_t groups = geometry.groups, columns = geometry.group_out_channels();
  const int64_t depth =
      geometry.height.window * geometry.width.window * geometry.group_in_channels();
  const Tensor memory = workspace(groups * PackedPanels{depth, columns}.size());
  PackedPanels filters{depth, columns, memory.data<float>()};
  for (int64_t group = 0; group < groups; ++group, filters.data += filters.size()) {
    const float* source = weight.data<float>() + group * columns * depth;
    filters.pack_all(matrix_view(source, depth, /*transposed=*/true));
  }
  filters.data = memory.data<float>();
  const Walk walk(forward_axis(geometry.height), forward_axis(geometry.width),
                  geometry.in_channels);
  correlate(walk, geometry.batch, groups, filters, input.data<float>(), output.data<float>());
}

void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,
                       const Tensor& weight, Tensor& grad_input) {
  note_instructions();
  const int64_t groups = geometry.groups, columns = geometry.group_in_channels();
  const int64_t channels = geometry.group_out_channels();
  const int64_t taps = geometry.height.window * geometry.width.window;
  const Tensor memory = workspace(groups * PackedPanels{taps * channels, columns}.size());
  PackedPanels filters{taps * channels, columns, memory.data<float>()};
  for (int64_t group = 0; group < groups; ++group, filters.data += filters.size()) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      const float* source =
          weight.data<float>() + (group * channels * taps + taps - 1 - tap) * columns;
      filters.pack(0, filters.count(), matrix_view(source, taps * columns, /*transposed=*/false),
                   tap * channels, channels);
    }
  }
  filters.data = memory.data<float>();
  const Walk walk(backward_axis(geometry.height), backward_axis(geometry.width),
                  geometry.out_channels);
  correlate(walk, geometry.batch, groups, filters, grad_output.data<float>(),
            grad_input.data<float>());
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  note_instructions();
  if (geometry.batch == 0) return grad_weight.fill_zero();
  const Walk walk(forward_axis(geometry.height), forward_axis(geometry.width),
                  geometry.in_channels);
  const int64_t group_channels = geometry.group_in_channels();
  const int64_t columns = geometry.group_out_channels();
  const std::vector<int64_t> pixels = walk.pixel_offsets();
  const std::vector<int64_t> taps = walk.tap_offsets(group_channels);
  const int64_t depth = static_cast<int64_t>(taps.size());
  const int64_t image_size = static_cast<int64_t>(pixels.size()) * geometry.out_channels;

  // Partial sums [chunk][group][tap and channel][output channel], each over some images.
  const int64_t weight_size = grad_weight.size(), batch = geometry.batch;
  const int64_t chunks = chunk_count(batch, weight_size);
  const Tensor memory = workspace(chunks * weight_size);
  float* partials = memory.data<float>();
  const int64_t work = batch / chunks * image_size * depth;
  parallel_for(chunks, grain_for(work), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = batch * chunk / chunks, last = batch * (chunk + 1) / chunks;
      walk.for_each_frame(input.data<float>(), first, last, [&](int64_t n, const float* frame) {
        const float* grad = grad_output.data<float>() + n * image_size;
        for (int64_t group = 0; group < geometry.groups; ++group)
          add_image(taps, pixels, frame + group * group_channels, grad + group * columns,
                    geometry.out_channels, columns, /*accumulate=*/n > first,
                    partials + chunk * weight_size + group * depth * columns);
      });
    }
  });

  sum_partials(chunks, weight_size, partials);
  for (int64_t group = 0; group < geometry.groups; ++group)
    copy_transposed({.from = partials + group * depth * columns,
                     .from_stride = columns,
                     .rows = depth,
                     .columns = columns,
                     .to = grad_weight.data<float>() + group * depth * columns,
                     .to_stride = depth});
}

}  // namespace strata::cpu
