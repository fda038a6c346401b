// The drawn digits: the same bytes for ever, and a problem worth learning.
#include "nn/digits.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "nn/digit_glyphs.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace strata::nn {
namespace {

constexpr int64_t kPixels = 28 * 28;

std::span<const uint8_t> image(const ImageSet& set, int64_t index) {
  return std::span(set.images).subspan(index * kPixels, kPixels);
}

uint32_t checksum(const std::vector<uint8_t>& bytes) {
  return static_cast<uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
}

class ThreadCountGuard {
 public:
  explicit ThreadCountGuard(int count) : before_(thread_count()) { set_thread_count(count); }
  ~ThreadCountGuard() { set_thread_count(before_); }

 private:
  int before_;
};

TEST(Digits, DescribesItself) {
  const Dataset set = draw_digits({.seed = 42, .train_count = 30, .test_count = 20});
  EXPECT_EQ(set.name, "digits");
  EXPECT_EQ(set.source, "drawn by the program, seed 42");
  EXPECT_EQ(set.height, 28);
  EXPECT_EQ(set.width, 28);
  EXPECT_EQ(set.channels, 1);
  EXPECT_EQ(set.classes, 10);
  EXPECT_EQ(set.train.count, 30);
  EXPECT_EQ(set.train.images.size(), 30u * kPixels);
  EXPECT_EQ(set.train.labels.size(), 30u);
  EXPECT_EQ(set.test.count, 20);
  EXPECT_EQ(set.test.images.size(), 20u * kPixels);
  EXPECT_EQ(set.test.labels.size(), 20u);
}

// Recorded once. The sums change only if the pen, the hand or the alphabet is changed on purpose;
// another machine, compiler or optimisation level must not change them.
TEST(Digits, AreTheSameBytesEverywhere) {
  const Dataset set = draw_digits({.seed = 7, .train_count = 500, .test_count = 200});
  EXPECT_EQ(checksum(set.train.labels), 0xbcab19afu);
  EXPECT_EQ(checksum(set.train.images), 0x04ef66a9u);
  EXPECT_EQ(checksum(set.test.labels), 0x5ccc9b9fu);
  EXPECT_EQ(checksum(set.test.images), 0xd840e668u);
}

TEST(Digits, DoNotDependOnThreads) {
  const DigitsOptions options = {.seed = 3, .train_count = 1003, .test_count = 501};
  const ThreadCountGuard one(1);
  const Dataset alone = draw_digits(options);
  const ThreadCountGuard five(5);
  const Dataset together = draw_digits(options);
  EXPECT_EQ(alone.train.images, together.train.images);
  EXPECT_EQ(alone.train.labels, together.train.labels);
  EXPECT_EQ(alone.test.images, together.test.images);
}

TEST(Digits, ASmallSetIsTheBeginningOfALargeOne) {
  const Dataset small = draw_digits({.seed = 3, .train_count = 37, .test_count = 5});
  const Dataset large = draw_digits({.seed = 3, .train_count = 300, .test_count = 50});
  EXPECT_TRUE(
      std::equal(small.train.images.begin(), small.train.images.end(), large.train.images.begin()));
  EXPECT_TRUE(
      std::equal(small.train.labels.begin(), small.train.labels.end(), large.train.labels.begin()));
}

TEST(Digits, SeedsAndSplitsDiffer) {
  const Dataset first = draw_digits({.seed = 1, .train_count = 100, .test_count = 100});
  const Dataset second = draw_digits({.seed = 2, .train_count = 100, .test_count = 100});
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(std::ranges::equal(image(first.train, i), image(second.train, i))) << i;
    for (int64_t j = 0; j < 100; ++j)
      EXPECT_FALSE(std::ranges::equal(image(first.train, i), image(first.test, j)))
          << i << " " << j;
  }
  EXPECT_NE(first.train.labels, second.train.labels);
  EXPECT_NE(first.train.labels, first.test.labels);
}

TEST(Digits, EachTenHoldEachDigitOnceInRandomOrder) {
  const Dataset set = draw_digits({.seed = 5, .train_count = 1000, .test_count = 1});
  std::array<int, 10> first_places{};
  for (int64_t ten = 0; ten < 100; ++ten) {
    std::vector<uint8_t> labels(set.train.labels.begin() + ten * 10,
                                set.train.labels.begin() + ten * 10 + 10);
    ++first_places[labels[0]];
    std::sort(labels.begin(), labels.end());
    EXPECT_EQ(labels, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) << ten;
  }
  // Binomial with mean 10 and deviation 3: beyond 24 or at 0 the order would not be random.
  for (const int count : first_places) {
    EXPECT_GE(count, 1);
    EXPECT_LE(count, 24);
  }
}

TEST(Digits, EveryImageHasItsInkInside) {
  const Dataset set = draw_digits({.seed = 11, .train_count = 5000, .test_count = 1});
  for (int64_t i = 0; i < set.train.count; ++i) {
    const auto pixels = image(set.train, i);
    const auto inked =
        std::count_if(pixels.begin(), pixels.end(), [](uint8_t p) { return p > 96; });
    EXPECT_GE(inked, 12) << i;   // a thin "1" is 14 pixels high at the least
    EXPECT_LE(inked, 300) << i;  // the boldest "8" leaves more than half of the paper free
    for (int64_t edge = 0; edge < 28; ++edge)  // noise alone reaches 0.22 * 255 = 56
      for (const int64_t at : {edge, 27 * 28 + edge, edge * 28, edge * 28 + 27})
        EXPECT_LE(pixels[at], 96) << "image " << i << " is clipped at pixel " << at;
  }
}

// Accuracy of the nearest class mean: far above chance (10 %), so there is something to learn, and
// far from perfect, so that there is something left to learn. MNIST's own is 82 %.
TEST(Digits, AreLearnableButNotTrivial) {
  const Dataset set = draw_digits({.seed = 1, .train_count = 6000, .test_count = 2000});
  std::array<std::array<double, kPixels>, 10> means{};
  for (int64_t i = 0; i < set.train.count; ++i)
    for (int64_t p = 0; p < kPixels; ++p)
      means[set.train.labels[i]][p] += image(set.train, i)[p] / 600.0;  // 600 of each class
  int64_t right = 0;
  for (int64_t i = 0; i < set.test.count; ++i) {
    std::array<double, 10> distances{};
    for (int c = 0; c < 10; ++c)
      for (int64_t p = 0; p < kPixels; ++p) {
        const double difference = image(set.test, i)[p] - means[c][p];
        distances[c] += difference * difference;
      }
    const auto nearest = std::min_element(distances.begin(), distances.end());
    right += nearest - distances.begin() == set.test.labels[i];
  }
  const double accuracy = static_cast<double>(right) / static_cast<double>(set.test.count);
  EXPECT_GT(accuracy, 0.60);
  EXPECT_LT(accuracy, 0.88);
}

// Every variant is a stroke with at least one span, inside the unit square.
TEST(Digits, GlyphsAreWellFormed) {
  for (int digit = 0; digit < 10; ++digit) {
    ASSERT_FALSE(glyphs_of(digit).empty());
    for (const Glyph& glyph : glyphs_of(digit)) {
      ASSERT_FALSE(glyph.empty());
      for (const Stroke& stroke : glyph) {
        EXPECT_GE(stroke.size(), 2u) << digit;
        for (const Knot& knot : stroke)
          EXPECT_TRUE(knot.x >= 0 && knot.x <= 1 && knot.y >= 0 && knot.y <= 1) << digit;
      }
    }
  }
}

TEST(Digits, RejectsCountsThatCannotBe) {
  for (const int64_t count : {int64_t{0}, int64_t{-5}, int64_t{1} << 40}) {
    try {
      draw_digits({.test_count = count});
      ADD_FAILURE() << count;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(std::to_string(count)), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace strata::nn
