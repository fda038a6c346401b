// Deals out the labels and draws each image on its own.
#include "nn/digits.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "nn/digit_glyphs.h"
#include "nn/digit_hand.h"
#include "nn/digit_pen.h"
#include "nn/digit_random.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace strata::nn {
namespace {

constexpr int kClasses = 10;
constexpr float kBox = 20;  // MNIST's digits fill 20 of 28 pixels
constexpr int64_t kLargestCount = 10'000'000;
constexpr int64_t kImagePixels = int64_t{kDigitSide} * kDigitSide;

// Random streams of their own, away from those of initialisers, dropout and shuffling.
enum class Split : uint64_t { train = 0, test = 1 };
constexpr uint64_t kImageStream = 0x6469676974730000;  // "digits"
constexpr uint64_t kLabelStream = kImageStream + 2;

// Each ten consecutive labels are a shuffle of the ten digits (Fisher and Yates).
int label_of(uint64_t seed, Split split, uint64_t index) {
  DigitRandom random(seed, kLabelStream + static_cast<uint64_t>(split), index / kClasses);
  std::array<int, kClasses> digits;
  std::iota(digits.begin(), digits.end(), 0);
  for (uint32_t last = kClasses - 1; last > 0; --last)
    std::swap(digits[last], digits[random.below(last + 1)]);
  return digits[index % kClasses];
}

void draw_image(uint64_t seed, Split split, uint64_t index, int label, std::span<uint8_t> image) {
  DigitRandom random(seed, kImageStream + static_cast<uint64_t>(split), index);
  const std::span<const Glyph> variants = glyphs_of(label);
  const Glyph& glyph = variants[random.below(static_cast<uint32_t>(variants.size()))];
  const Pen pen = choose_pen(random);
  const std::vector<Segment> segments =
      write_by_hand(glyph, kDigitSide, kBox - 2 * pen.radius, random);
  ink(segments, pen, random, image);
}

ImageSet draw_split(uint64_t seed, Split split, int64_t count) {
  ImageSet set{.count = count,
               .images = std::vector<uint8_t>(count * kImagePixels),
               .labels = std::vector<uint8_t>(count)};
  parallel_for(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int label = label_of(seed, split, i);
      set.labels[i] = static_cast<uint8_t>(label);
      draw_image(seed, split, i, label,
                 std::span(set.images).subspan(i * kImagePixels, kImagePixels));
    }
  });
  return set;
}

}  // namespace

Dataset draw_digits(const DigitsOptions& options) {
  for (const int64_t count : {options.train_count, options.test_count})
    check(count >= 1 && count <= kLargestCount,
          "draw_digits: cannot draw {} images; ask for 1 to {} a split", count, kLargestCount);
  return {.name = "digits",
          .source = fmt::format("drawn by the program, seed {}", options.seed),
          .height = kDigitSide,
          .width = kDigitSide,
          .channels = 1,
          .classes = kClasses,
          .train = draw_split(options.seed, Split::train, options.train_count),
          .test = draw_split(options.seed, Split::test, options.test_count)};
}

}  // namespace strata::nn
