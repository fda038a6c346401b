// The way back through a convolutional stage on the CPU, a quarter of the arithmetic.
//
// Of a window's four pixels one at most has a gradient. So each gradient g of an output channel k
// is looked at once: the filter's gradient gets g times the patch of the image under that pixel,
// and that patch's gradient gets g times the filter. Gradients are first sorted, by filter and by
// pixel (ops/cpu/gradient_lists.h), so that the sums can stay in registers while a list is walked
// (ops/cpu/tile_sums.h).
//
// Lanes are channels. Where an image has only a few, as a first layer's does, lanes are the numbers
// under a row of taps.
#include "ops/conv2d_relu_max_pool_kernels.h"

#include <algorithm>
#include <span>
#include <vector>

#include "ops/cpu/bf16.h"
#include "ops/cpu/frame.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gradient_lists.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/pooled_row.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/tile_sums.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

/// Channels that are worth a vector to each tap, and the floats of a tile's widest one.
constexpr int64_t kWorthAVector = 8, kMostWidth = 16;
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
  int64_t first_channel, channels;  // the lanes behind them are padding
  int64_t source_row, source_column;
  int64_t first;  // where the first filter's tile lies in memory for all filters
  std::vector<int64_t> filter_offsets;  // of the next ones, from there

  int64_t tile_size() const { return rows * columns * width; }
};

/// How the filters are cut into tiles, for the sums of their gradients and for their values.
struct Filters {
  int64_t count, channels, taps_high, taps_wide;
  std::vector<Tiles> tiles;
  int64_t size = 0;  // floats, of all tiles of all filters

  void add(Tiles more) {
    more.first = size;
    more.filter_offsets = even_offsets(ListsByFilter::kMost, more.tile_size());
    size += count * more.tile_size();
    tiles.push_back(more);
  }
};

/// Tiles over the images of a walk, a vector a tap and 8 or 16 channels. Where there are fewer, as
/// in a picture, and a row of taps is contiguous, it is read like one tap of many channels.
Filters filters_over(const Conv2dGeometry& geometry, const Walk& walk) {
  const bool as_rows = walk.pixel_stride < kWorthAVector && walk.width.tap_step == 1;
  const int64_t taps_wide = as_rows ? 1 : walk.width.taps;
  const int64_t channels = as_rows ? walk.width.taps * walk.channels : walk.channels;
  Filters filters{geometry.out_channels, channels, walk.height.taps, taps_wide, {}};
  for (int64_t c = 0; c < channels;) {
    const int width = channels - c > 8 ? 16 : 8;
    filters.add({.width = width,
                 .rows = walk.height.taps,
                 .columns = taps_wide,
                 .first_channel = c,
                 .channels = std::min<int64_t>(channels - c, width),
                 .source_row = walk.height.tap_step * walk.row_stride(),
                 .source_column = walk.width.tap_step * walk.pixel_stride,
                 .first = 0,
                 .filter_offsets = {}});
    c += width;
  }
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
  return corners;
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
        patches_(filters_over(convolution_, source_)),
        filters_(filters_over(convolution_, target_)),
        target_pixels_(target_.pixel_offsets()),
        corners_(window_corners(geometry, source_.pixel_offsets())) {
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
  // Read as rows of taps, unless those have gaps.
  bool has_few_channels() const {
    return convolution_.in_channels < kWorthAVector && convolution_.width.dilation == 1;
  }
  // Whole vectors to a pixel; more than one of them at addresses that suit them.
  int64_t padded_channels() const {
    return convolution_.in_channels > 8 ? round_up(convolution_.in_channels, 16) : 8;
  }

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
    const int64_t frame_size = source_.frame_size() + kMostWidth;  // a vector may reach beyond it
    float* const frame = thread_scratch(Scratch::frame, frame_size);
    std::fill_n(frame, frame_size, 0.0f);
    for (int64_t n = begin; n < end; ++n) {
      if (gradients_.weight.defined())
        source_.place(image_of(saved_.input, n, source_.image_size(), Scratch::rows), frame);
      if (n + 1 < end) fetch_image(n + 1);
      add_image(n, frame, sums);
    }
  }

  /// Into the second cache, while the image before it is worked on: 2 % of this op's time with many
  /// channels and 8 % with few, where a batch does not fit there. A large image would push out what
  /// this one needs.
  void fetch_image(int64_t n) const {
    constexpr int64_t kMostBytes = 1 << 17;
    for (const Tensor* images : {&saved_.input, &saved_.winners, &grad_output_}) {
      if (!images->defined()) continue;
      const auto size = static_cast<int64_t>(images->bytes()) / convolution_.batch;
      if (size > kMostBytes) continue;
      const auto* const image = static_cast<const char*>(images->location().address) + n * size;
      for (int64_t i = 0; i < size; i += 64)
        __builtin_prefetch(image + i, /*rw=*/0, /*locality=*/2);
    }
  }

  void add_image(int64_t n, const float* source, float* sums) const {
    const int64_t wide = geometry_.pooled_width, filters = convolution_.out_channels;
    const int64_t pooled = geometry_.pooled_height * wide * filters;
    const uint8_t* winners = saved_.winners.data<uint8_t>() + n * pooled;
    float* const gradients = thread_scratch(Scratch::gradients, pooled);
    open_gradients({.pixels = pooled / filters,
                    .channels = filters,
                    .gradients = image_of(grad_output_, n, pooled, Scratch::band),
                    .winners = winners,
                    .open = gradients,
                    .sums = sums + patches_.size});
    float* grad_frame = nullptr;
    if (gradients_.input.defined()) {
      grad_frame = thread_scratch(Scratch::grad_frame, target_.frame_size());
      std::fill_n(grad_frame, target_.frame_size(), 0.0f);
    }
    const int64_t rows = std::max<int64_t>(1, kWindowsTogether / wide);
    for (int64_t p = 0; p < geometry_.pooled_height; p += rows) {
      const int64_t here = std::min(rows, geometry_.pooled_height - p);
      const int64_t first = p * wide;
      const PooledWindows windows{here * wide, filters, gradients + first * filters,
                                  winners + first * filters};
      if (gradients_.weight.defined()) add_to_weight(windows, first, source, sums);
      if (grad_frame) add_to_input(windows, first, grad_frame);
    }
    if (grad_frame) take_image(grad_frame, n);
  }

  /// As float32: what is stored, or widened in this thread's memory.
  static const float* image_of(const Tensor& images, int64_t n, int64_t size, Scratch slot) {
    if (images.dtype() == DType::float32) return images.data<float>() + n * size;
    float* const wide = thread_scratch(slot, size);
    widen({images.data<BFloat16>() + n * size, size, wide});
    return wide;
  }

  void take_image(const float* grad_frame, int64_t n) const {
    const int64_t size = target_.image_size();
    const bool small = gradients_.input.dtype() == DType::bfloat16;
    float* const image =
        small ? thread_scratch(Scratch::rows, size) : gradients_.input.data<float>() + n * size;
    target_.take(grad_frame, image);
    if (small) narrow({image, size, gradients_.input.data<BFloat16>() + n * size});
  }

  void add_to_weight(const PooledWindows& windows, int64_t first_window, const float* source,
                     float* sums) const {
    const int64_t capacity = list_capacity(windows.count);
    auto* const lists =
        thread_scratch<TileEntry>(Scratch::by_filter, ListsByFilter::kMost * capacity);
    int32_t counts[ListsByFilter::kMost];
    for (int64_t first = 0; first < windows.filters; first += ListsByFilter::kMost) {
      const int64_t filters = std::min(ListsByFilter::kMost, windows.filters - first);
      sort_by_filter({.windows = windows,
                      .first = first,
                      .filters = filters,
                      .corners = corners_.data() + first_window * 4,
                      .lists = lists,
                      .counts = counts});
      for (const Tiles& tiles : patches_.tiles)
        add_tiles(
            {.rows = tiles.rows,
             .columns = tiles.columns,
             .width = tiles.width,
             .source = source + tiles.first_channel,
             .source_row = tiles.source_row,
             .source_column = tiles.source_column,
             .sums = sums + tiles.first + first * tiles.tile_size(),
             .sums_row = tiles.columns * tiles.width,
             .sums_column = tiles.width,
             .sums_offsets = std::span(tiles.filter_offsets).first(static_cast<size_t>(filters)),
             .entries = lists,
             .capacity = capacity,
             .counts = counts});
    }
  }

  void add_to_input(const PooledWindows& windows, int64_t first_window, float* grad_frame) const {
    const int64_t width = convolution_.width.output, wide = geometry_.pooled_width;
    const int64_t first_pixel = first_window / wide * 2 * width;
    const int64_t pixels = windows.count / wide * 2 * width;
    const int64_t capacity = list_capacity(windows.filters);
    auto* const lists = thread_scratch<TileEntry>(Scratch::by_pixel, pixels * capacity);
    int32_t* const counts = thread_scratch<int32_t>(Scratch::counts, pixels);
    sort_by_pixel({.windows = windows,
                   .windows_wide = wide,
                   .width = width,
                   .lists = lists,
                   .counts = counts});
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
                 .sums_offsets =
                     std::span(target_pixels_)
                         .subspan(static_cast<size_t>(first_pixel), static_cast<size_t>(pixels)),
                 .entries = lists,
                 .capacity = capacity,
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
  Walk source_, target_;       // over the image that patches are read from, and its gradient
  Filters patches_, filters_;  // the sums of patches, and the filters
  std::vector<int64_t> target_pixels_;
  std::vector<int32_t> corners_;
  Tensor packed_;
};

}  // namespace

void conv2d_relu_max_pool_backward(const ConvStageGeometry& geometry, const ConvStageSaved& saved,
                                   const Tensor& grad_output, ConvStageGradients& gradients) {
  note_instructions();
  StageBackward(geometry, saved, grad_output, gradients).run();
}

}  // namespace strata::cpu
