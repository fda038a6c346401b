// A convolutional stage on the CPU: the convolution's own output never leaves the cache, and
// backward does a quarter of the arithmetic.
//
// forward   Two rows of the convolution at a time (ops/cpu/gather_gemm.h), pooled at once.
// backward  Of a window's four pixels one at most has a gradient. So each gradient g of an output
//           channel k is looked at once: the filter's gradient gets g times the patch of the image
//           under that pixel, and that patch's gradient gets g times the filter. Gradients are
//           first sorted, by filter and by pixel, so that the sums can stay in registers while the
//           list is walked (ops/cpu/tile_sums.h).
//
// Lanes are channels. Where an image has only a few, as a first layer's does, its patches are laid
// out one after the other, and lanes are a patch's numbers.
#include "ops/conv2d_relu_max_pool_kernels.h"

#include <algorithm>
#include <span>
#include <vector>

#include "ops/cpu/frame.h"
#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/pooled_row.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/tile_sums.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

/// Floats that are copied together where it does not matter that they are too many.
constexpr int64_t kRunUnit = 8;
/// Windows of an image whose gradients are sorted together: long lists, in little memory.
constexpr int64_t kWindowsTogether = 256;

int64_t round_up(int64_t count, int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

/// Tiles of the sums, and where they read an image: vectors of `width` lanes, `rows` x `columns` of
/// them a patch.
struct Tiles {
  int width;
  int64_t rows, columns;
  int64_t first_channel, channels;  // of the image, or numbers of a patch; the lanes behind them
                                    // are padding
  int64_t source_row, source_column;
  int64_t first;  // where the first filter's tile lies in memory for all filters

  int64_t tile_size() const { return rows * columns * width; }
};

/// How the filters are cut into tiles, for the sums of their gradients and for their values.
struct Filters {
  int64_t count, channels, taps_high, taps_wide;
  std::vector<Tiles> tiles;
  int64_t size = 0;  // floats, of all tiles of all filters

  void add(Tiles more) {
    more.first = size;
    size += count * more.tile_size();
    tiles.push_back(more);
  }
};

Filters by_channels(const Conv2dGeometry& geometry, const Walk& walk) {
  Filters filters{geometry.out_channels,
                  geometry.in_channels,
                  geometry.height.window,
                  geometry.width.window,
                  {}};
  for (int64_t c = 0; c < geometry.in_channels;) {
    const int width = geometry.in_channels - c > 8 ? 16 : 8;
    const int64_t channels = std::min<int64_t>(geometry.in_channels - c, width);
    filters.add({.width = width,
                 .rows = geometry.height.window,
                 .columns = geometry.width.window,
                 .first_channel = c,
                 .channels = channels,
                 .source_row = walk.height.tap_step * walk.row_stride(),
                 .source_column = walk.width.tap_step * walk.pixel_stride,
                 .first = 0});
    c += width;
  }
  return filters;
}

/// A patch as one row of a pixel's numbers: a tile is one row of vectors.
Filters by_patches(const Conv2dGeometry& geometry) {
  const int64_t size = geometry.height.window * geometry.width.window * geometry.in_channels;
  Filters filters{geometry.out_channels, size, 1, 1, {}};
  filters.add({.width = 16,
               .rows = 1,
               .columns = round_up(size, 16) / 16,
               .first_channel = 0,
               .channels = size,
               .source_row = 0,
               .source_column = 16,
               .first = 0});
  return filters;
}

/// Calls body(position in the tiles, position in a weight (K, R, S, C), count) for every run of
/// numbers that are side by side in both.
template <class Body>
void for_each_run(const Filters& filters, Body&& body) {
  const int64_t taps = filters.taps_high * filters.taps_wide;
  for (const Tiles& tiles : filters.tiles)
    for (int64_t k = 0; k < filters.count; ++k)
      for (int64_t tap = 0; tap < taps; ++tap)
        body(tiles.first + k * tiles.tile_size() + tap * tiles.width,
             (k * taps + tap) * filters.channels + tiles.first_channel, tiles.channels);
}

/// Where the four pixels of every window are, in some memory of pixels: [window][place].
std::vector<int32_t> window_corners(const ConvStageGeometry& geometry,
                                    const std::vector<int64_t>& pixel_offsets) {
  const int64_t width = geometry.convolution.width.output;
  std::vector<int32_t> corners;
  for (int64_t p = 0; p < geometry.pooled_height; ++p)
    for (int64_t q = 0; q < geometry.pooled_width; ++q)
      for (const int64_t pixel : {0, 1, 2, 3})
        corners.push_back(
            static_cast<int32_t>(pixel_offsets[(2 * p + pixel / 2) * width + 2 * q + pixel % 2]));
  corners.push_back(0);  // read, and not used, for kNoWinner of the last window
  return corners;
}

/// Windows whose gradients are sorted together.
struct Windows {
  int64_t first, count, filters;
  const float* gradients;  // [window][filter], of the image
  const uint8_t* winners;
};

/// lists[filter]: where the patch under each gradient is, and the gradient.
void sort_by_filter(const Windows& windows, const std::vector<int32_t>& corners, TileEntry* lists,
                    int32_t* counts) {
  for (int64_t k = 0; k < windows.filters; ++k) {
    TileEntry* const list = lists + k * windows.count;
    int32_t count = 0;
    for (int64_t i = 0; i < windows.count; ++i) {
      const int64_t window = windows.first + i, at = window * windows.filters + k;
      const uint8_t winner = windows.winners[at];
      const float gradient = windows.gradients[at];
      list[count] = {corners[window * 4 + winner], gradient};
      count += (winner != kNoWinner) & (gradient != 0);
    }
    counts[k] = count;
  }
}

/// lists[pixel], of whole rows of the convolution's output: which filters have a gradient there.
void sort_by_pixel(const Windows& windows, int64_t windows_wide, int64_t width, TileEntry* lists,
                   int32_t* counts) {
  std::fill_n(counts, windows.count / windows_wide * 2 * width, 0);
  for (int64_t i = 0; i < windows.count; ++i) {
    const int64_t pixel = i / windows_wide * 2 * width + i % windows_wide * 2;
    const int64_t pixels[] = {pixel, pixel + 1, pixel + width, pixel + width + 1};
    const int64_t first = (windows.first + i) * windows.filters;
    for (int64_t k = 0; k < windows.filters; ++k) {
      const uint8_t winner = windows.winners[first + k];
      const float gradient = windows.gradients[first + k];
      const int64_t place = pixels[winner & 3];
      lists[place * windows.filters + counts[place]] = {static_cast<int32_t>(k), gradient};
      counts[place] += (winner != kNoWinner) & (gradient != 0);
    }
  }
}

/// The patches of an image, one pixel of the convolution's output after the other. Whole vectors
/// are copied: what they have too much is overwritten by the next, or is a tile's padding.
void lay_out_patches(const Conv2dGeometry& geometry, const Walk& walk,
                     const std::vector<int64_t>& pixels, const float* frame, int64_t patch_size,
                     float* patches) {
  const bool whole_rows = walk.width.tap_step == 1;
  const int64_t run = whole_rows ? walk.width.taps * walk.channels : walk.channels;
  const int64_t runs = whole_rows ? 1 : walk.width.taps;
  for (size_t i = 0; i < pixels.size(); ++i) {
    float* to = patches + static_cast<int64_t>(i) * patch_size;
    for (int64_t r = 0; r < geometry.height.window; ++r) {
      const float* row = frame + pixels[i] + r * walk.height.tap_step * walk.row_stride();
      for (int64_t s = 0; s < runs; ++s, to += run)
        for (int64_t c = 0; c < run; c += kRunUnit)
          std::copy_n(row + s * walk.width.tap_step * walk.channels + c, kRunUnit, to + c);
    }
  }
}

/// What the images of a batch have in common on their way back.
class StageBackward {
 public:
  StageBackward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                const Tensor& grad_output, ConvStageGradients& gradients)
      : geometry_(geometry),
        convolution_(geometry.convolution),
        saved_(saved),
        grad_output_(grad_output),
        gradients_(gradients),
        source_(walk_with(has_few_channels() ? convolution_.in_channels : padded_channels())),
        target_(walk_with(padded_channels())),
        patches_(has_few_channels() ? by_patches(convolution_)
                                    : by_channels(convolution_, source_)),
        filters_(by_channels(convolution_, target_)),
        pixels_(source_.pixel_offsets()),
        target_pixels_(target_.pixel_offsets()) {
    std::vector<int64_t> where = pixels_;
    if (has_few_channels())
      for (size_t i = 0; i < where.size(); ++i) where[i] = static_cast<int64_t>(i) * patch_size();
    corners_ = window_corners(geometry, where);
    if (gradients.input.defined()) pack_filters();
  }

  void run() {
    const int64_t batch = convolution_.batch, sums_size = patches_.size + convolution_.out_channels;
    const int64_t chunks = chunk_count(batch, sums_size);
    const Tensor memory = workspace(chunks * sums_size);
    float* const sums = memory.data<float>();
    const int64_t work = static_cast<int64_t>(convolution_.flops() / 4) / chunks;
    parallel_for(chunks, grain_for(work), [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        add_images(batch * chunk / chunks, batch * (chunk + 1) / chunks, sums + chunk * sums_size);
    });
    sum_partials(chunks, sums_size, sums);
    write_gradients(sums);
  }

 private:
  bool has_few_channels() const { return convolution_.in_channels < 8; }
  int64_t padded_channels() const {
    return convolution_.in_channels > 8 ? round_up(convolution_.in_channels, 16) : 8;
  }
  int64_t patch_size() const { return patches_.tiles.front().tile_size(); }

  Walk walk_with(int64_t pixel_stride) const {
    Walk walk(forward_axis(convolution_.height), forward_axis(convolution_.width),
              convolution_.in_channels);
    walk.pixel_stride = pixel_stride;
    return walk;
  }

  void pack_filters() {
    packed_ = workspace(filters_.size);
    packed_.fill_zero();
    const float* weight = saved_.weight.data<float>();
    for_each_run(filters_, [&](int64_t packed, int64_t from, int64_t count) {
      std::copy_n(weight + from, count, packed_.data<float>() + packed);
    });
  }

  void add_images(int64_t begin, int64_t end, float* sums) const {
    std::fill_n(sums, patches_.size + convolution_.out_channels, 0.0f);
    float* const frame = thread_scratch(Scratch::frame, source_.frame_size() + kRunUnit);
    std::fill_n(frame, source_.frame_size() + kRunUnit, 0.0f);
    for (int64_t n = begin; n < end; ++n) {
      const float* source = frame;
      if (gradients_.weight.defined()) {
        source_.place(saved_.input.data<float>() + n * source_.image_size(), frame);
        if (has_few_channels()) source = lay_out(frame);
      }
      add_image(n, source, sums);
    }
  }

  const float* lay_out(const float* frame) const {
    float* const patches =
        thread_scratch(Scratch::patches, std::ssize(pixels_) * patch_size() + kRunUnit);
    lay_out_patches(convolution_, source_, pixels_, frame, patch_size(), patches);
    return patches;
  }

  void add_image(int64_t n, const float* source, float* sums) const {
    const int64_t wide = geometry_.pooled_width, filters = convolution_.out_channels;
    const int64_t pooled = geometry_.pooled_height * wide * filters;
    const float* gradients = grad_output_.data<float>() + n * pooled;
    const uint8_t* winners = saved_.winners.data<uint8_t>() + n * pooled;
    add_bias({pooled / filters, filters, gradients, winners, sums + patches_.size});
    float* grad_frame = nullptr;
    if (gradients_.input.defined()) {
      grad_frame = thread_scratch(Scratch::grad_frame, target_.frame_size());
      std::fill_n(grad_frame, target_.frame_size(), 0.0f);
    }
    const int64_t rows = std::max<int64_t>(1, kWindowsTogether / wide);
    for (int64_t p = 0; p < geometry_.pooled_height; p += rows) {
      const int64_t here = std::min(rows, geometry_.pooled_height - p);
      const Windows windows{p * wide, here * wide, filters, gradients, winners};
      if (gradients_.weight.defined()) add_to_weight(windows, source, sums);
      if (grad_frame) add_to_input(windows, 2 * p, grad_frame);
    }
    if (grad_frame)
      target_.take(grad_frame, gradients_.input.data<float>() + n * target_.image_size());
  }

  void add_to_weight(const Windows& windows, const float* source, float* sums) const {
    TileEntry* lists =
        thread_scratch<TileEntry>(Scratch::by_filter, windows.filters * windows.count + 1);
    int32_t* counts = thread_scratch<int32_t>(Scratch::counts, windows.filters);
    sort_by_filter(windows, corners_, lists, counts);
    for (const Tiles& tiles : patches_.tiles)
      add_tiles({.rows = tiles.rows,
                 .columns = tiles.columns,
                 .width = tiles.width,
                 .source = source + (has_few_channels() ? 0 : tiles.first_channel),
                 .source_row = tiles.source_row,
                 .source_column = tiles.source_column,
                 .sums = sums + tiles.first,
                 .sums_row = tiles.columns * tiles.width,
                 .sums_column = tiles.width,
                 .sums_offsets = even_offsets(windows.filters, tiles.tile_size()),
                 .entries = lists,
                 .capacity = windows.count,
                 .counts = counts});
  }

  void add_to_input(const Windows& windows, int64_t first_row, float* grad_frame) const {
    const int64_t width = convolution_.width.output;
    const int64_t pixels = windows.count / geometry_.pooled_width * 2 * width;
    TileEntry* lists = thread_scratch<TileEntry>(Scratch::by_pixel, windows.filters * pixels + 1);
    int32_t* counts = thread_scratch<int32_t>(Scratch::counts, pixels);
    sort_by_pixel(windows, geometry_.pooled_width, width, lists, counts);
    for (const Tiles& tiles : filters_.tiles)
      add_tiles({.rows = tiles.rows,
                 .columns = tiles.columns,
                 .width = tiles.width,
                 .source = packed_.data<float>() + tiles.first,
                 .unit = tiles.tile_size(),
                 .source_row = tiles.columns * tiles.width,
                 .source_column = tiles.width,
                 .sums = grad_frame + tiles.first_channel,
                 .sums_row = tiles.source_row,
                 .sums_column = tiles.source_column,
                 .sums_offsets = std::span(target_pixels_)
                                     .subspan(static_cast<size_t>(first_row * width),
                                              static_cast<size_t>(pixels)),
                 .entries = lists,
                 .capacity = windows.filters,
                 .counts = counts});
  }

  void write_gradients(const float* sums) {
    if (gradients_.bias.defined())
      std::copy_n(sums + patches_.size, convolution_.out_channels, gradients_.bias.data<float>());
    if (!gradients_.weight.defined()) return;
    float* const weight = gradients_.weight.data<float>();
    for_each_run(patches_, [&](int64_t from, int64_t to, int64_t count) {
      std::copy_n(sums + from, count, weight + to);
    });
  }

  const ConvStageGeometry& geometry_;
  const Conv2dGeometry& convolution_;
  const ConvStageSaved& saved_;
  const Tensor& grad_output_;
  ConvStageGradients& gradients_;
  Walk source_, target_;       // the image that patches are read from, the gradient of the image
  Filters patches_, filters_;  // tiles of the filters' gradients, and of the filters
  std::vector<int64_t> pixels_, target_pixels_;
  std::vector<int32_t> corners_;
  Tensor packed_;
};

}  // namespace

bool supports_conv2d_relu_max_pool(const ConvStageGeometry& geometry) {
  return geometry.convolution.groups == 1;
}

void conv2d_relu_max_pool(const ConvStageGeometry& geometry, const Tensor& input,
                          const Tensor& weight, const Tensor& bias, Tensor& output,
                          Tensor& winners) {
  note_instructions();
  const Conv2dGeometry& convolution = geometry.convolution;
  const int64_t channels = convolution.out_channels, width = convolution.width.output;
  const Walk walk(forward_axis(convolution.height), forward_axis(convolution.width),
                  convolution.in_channels);
  const std::vector<int64_t> pixels = walk.pixel_offsets();
  const std::vector<int64_t> taps = walk.tap_offsets(convolution.in_channels);
  const int64_t depth = std::ssize(taps);
  const Tensor memory = workspace(PackedPanels{depth, channels}.size());
  const PackedPanels filters{depth, channels, memory.data<float>()};
  for (int64_t index = 0; index < filters.count(); ++index)
    filters.pack(index, matrix_view(weight.data<float>(), depth, /*transposed=*/true), 0, depth);

  const auto pool_rows = [&](int64_t n, int64_t p, const float* frame, float* band) {
    for (int64_t index = 0; index < filters.count(); ++index) {
      const PackedPanels::Panel panel = filters.panel(index);
      gather_gemm({.a = frame,
                   .row_offsets = std::span(pixels).subspan(static_cast<size_t>(2 * p * width),
                                                            static_cast<size_t>(2 * width)),
                   .depth_offsets = taps,
                   .b = panel.data,
                   .b_stride = panel.stride,
                   .c = band + panel.first_column,
                   .c_stride = channels,
                   .columns = panel.columns,
                   .accumulate = false});
    }
    const int64_t to = (n * geometry.pooled_height + p) * geometry.pooled_width * channels;
    pool_row({.rows = band,
              .row_stride = width * channels,
              .channels = channels,
              .count = geometry.pooled_width,
              .bias = bias.defined() ? bias.data<float>() : nullptr,
              .output = output.data<float>() + to,
              .winners = winners.defined() ? winners.data<uint8_t>() + to : nullptr});
  };
  const int64_t work = static_cast<int64_t>(convolution.flops() / 2) / convolution.batch;
  parallel_for(convolution.batch, grain_for(work), [&](int64_t begin, int64_t end) {
    float* const band = thread_scratch(Scratch::band, 2 * width * channels);
    walk.for_each_frame(input.data<float>(), begin, end, [&](int64_t n, const float* frame) {
      for (int64_t p = 0; p < geometry.pooled_height; ++p) pool_rows(n, p, frame, band);
    });
  });
}

void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                                   const Tensor& grad_output, ConvStageGradients& gradients) {
  note_instructions();
  StageBackward(geometry, saved, grad_output, gradients).run();
}

}  // namespace strata::cpu
