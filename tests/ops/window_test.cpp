#include "ops/window.h"

#include "tests/support/compare.h"

namespace strata::test {
namespace {

using ops::Padding;
using Mode = Padding::Mode;

struct Case {
  int64_t input, window, stride, dilation;
  Mode mode;
  int64_t before, after;  // asked for
  int64_t expected_before, expected_after, output;
};

TEST(WindowTest, HandWorkedExtents) {
  const Case cases[] = {
      {7, 3, 1, 1, Mode::valid, 0, 0, 0, 0, 5},  // starts at 0 .. 4
      {7, 3, 2, 1, Mode::valid, 0, 0, 0, 0, 3},  // 0, 2, 4
      {8, 3, 2, 1, Mode::valid, 0, 0, 0, 0, 3},  // a window at 6 would leave the image
      {7, 3, 1, 2, Mode::valid, 9, 9, 0, 0, 3},  // spans 5; explicit values are not read
      {7, 7, 3, 1, Mode::valid, 0, 0, 0, 0, 1},  // as large as the image
      {7, 3, 1, 1, Mode::same, 0, 0, 1, 1, 7},
      {8, 3, 2, 1, Mode::same, 0, 0, 0, 1, 4},  // 9 = 3 * 2 + 3 wanted: the odd one after
      {7, 2, 1, 1, Mode::same, 0, 0, 0, 1, 7},
      {7, 3, 1, 3, Mode::same, 0, 0, 3, 3, 7},       // spans 7
      {6, 1, 4, 1, Mode::same, 0, 0, 0, 0, 2},       // nothing to pad: 0 and 4
      {5, 3, 2, 1, Mode::explicit_, 2, 1, 2, 1, 3},  // 8 long: 0, 2, 4
      {2, 5, 1, 1, Mode::explicit_, 0, 3, 0, 3, 1},  // larger than the image, not than its padding
  };
  for (const Case& c : cases) {
    const ops::WindowAxis axis = ops::resolve_window("pool", "width", c.input, c.window, c.stride,
                                                     c.dilation, c.mode, c.before, c.after);
    EXPECT_EQ(axis.pad_before, c.expected_before) << c.input << " by " << c.window;
    EXPECT_EQ(axis.pad_after, c.expected_after) << c.input << " by " << c.window;
    EXPECT_EQ(axis.output, c.output) << c.input << " by " << c.window;
    EXPECT_EQ(axis.input, c.input);
    EXPECT_EQ(axis.window, c.window);
    EXPECT_EQ(axis.stride, c.stride);
    EXPECT_EQ(axis.dilation, c.dilation);
  }
}

TEST(WindowTest, PaddingOfEachSide) {
  const Padding padding = Padding::each_side(1, 2);
  EXPECT_EQ(padding.mode, Mode::explicit_);
  EXPECT_EQ(padding.top, 1);
  EXPECT_EQ(padding.bottom, 1);
  EXPECT_EQ(padding.left, 2);
  EXPECT_EQ(padding.right, 2);
}

TEST(WindowErrorTest, NamesOpAndAxis) {
  const auto resolve = [](int64_t window, int64_t stride, int64_t dilation, int64_t before) {
    return [=] {
      ops::resolve_window("pool", "height", 4, window, stride, dilation, Mode::explicit_, before,
                          0);
    };
  };
  const std::string words = "along the height must be at least 1";
  EXPECT_TRUE(fails("pool: window 0, stride 1 and dilation 1 " + words, resolve(0, 1, 1, 0)));
  EXPECT_TRUE(fails("pool: window 2, stride 0 and dilation 1 " + words, resolve(2, 0, 1, 0)));
  EXPECT_TRUE(fails("pool: window 2, stride 1 and dilation -1 " + words, resolve(2, 1, -1, 0)));
  EXPECT_TRUE(
      fails("pool: the padding along the height is negative (-1, 0)", resolve(2, 1, 1, -1)));
  EXPECT_TRUE(fails("pool: a window spanning 5 does not fit an image of height 4 without padding",
                    resolve(3, 1, 2, 0)));
  EXPECT_TRUE(fails("pool: a window spanning 7 does not fit an image of height 4 with its padding",
                    resolve(4, 1, 2, 2)));
}

}  // namespace
}  // namespace strata::test
