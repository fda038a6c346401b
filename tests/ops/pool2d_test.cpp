#include "ops/pool2d.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::Padding;
using ops::Pool2dOptions;

class Pool2dTest : public RungTest {};
STRATA_ON_EVERY_RUNG(Pool2dTest);

struct Case {
  const char* name;
  Shape input;
  Pool2dOptions options;
};
const Case kCases[] = {
    {"the default", {2, 6, 4, 3}, {}},
    {"a row and a column are left over", {2, 7, 5, 9}, {}},
    {"the hot case, smaller", {3, 24, 24, 24}, {}},
    {"the window is the image", {2, 5, 7, 4}, {.window = {5, 7}}},
    {"one pixel", {2, 3, 3, 5}, {.window = {1, 1}}},
    {"other extents per axis", {2, 9, 8, 8}, {.window = {3, 2}, .stride = {2, 3}}},
    {"overlapping", {2, 9, 9, 12}, {.window = {3, 3}, .stride = {1, 1}}},
    {"overlapping, one channel", {1, 9, 11, 1}, {.window = {3, 3}, .stride = {2, 2}}},
    {"gaps", {2, 11, 11, 6}, {.window = {2, 2}, .stride = {3, 4}}},
    {"same", {2, 7, 6, 5}, {.window = {3, 3}, .stride = {2, 2}, .padding = Padding::same()}},
    {"same, even window", {2, 7, 5, 8}, {.padding = Padding::same()}},
    {"each side", {2, 8, 8, 7}, {.window = {3, 3}, .padding = Padding::each_side(1, 2)}},
    {"four paddings",
     {2, 6, 7, 16},
     {.window = {4, 4}, .stride = {2, 1}, .padding = {Padding::Mode::explicit_, 3, 1, 0, 2}}},
};

Function max_pool(const Pool2dOptions& options) {
  return [=](const std::vector<Tensor>& inputs) { return ops::max_pool2d(inputs[0], options); };
}
Function avg_pool(const Pool2dOptions& options) {
  return [=](const std::vector<Tensor>& inputs) { return ops::avg_pool2d(inputs[0], options); };
}

// Elements in a random order, 0.01 apart: no ties, and none within a central difference.
Tensor distinct(const Shape& shape) {
  std::vector<double> values(static_cast<size_t>(shape.size()));
  const auto count = static_cast<uint32_t>(values.size());
  for (uint32_t i = 0; i < count; ++i)
    values[i] = 0.01 * random_permutation(/*seed=*/5, /*stream=*/0, i, count);
  return Tensor::from(values, shape);
}

const std::vector<float> kImage = {1,  5,  2, 0,  //
                                   3,  -4, 8, 7,  //
                                   -1, -2, 6, 9,  //
                                   -3, -9, 3, 4};

TEST_P(Pool2dTest, KnownValues) {
  Tensor x = Tensor::from(kImage, {1, 4, 4, 1}, device());
  x.set_requires_grad(true);
  const Tensor g = Tensor::from(std::vector<float>{10, 20, 40, 80}, {1, 2, 2, 1}, device());

  const Tensor maxima = ops::max_pool2d(x);
  EXPECT_EQ(maxima.shape(), Shape({1, 2, 2, 1}));
  EXPECT_TRUE(close(maxima, {5, 8, -1, 9}, kExact));
  backward(maxima, g);
  EXPECT_TRUE(close(x.grad(), {0, 10, 0, 0, 0, 0, 20, 0, 40, 0, 0, 80, 0, 0, 0, 0}, kExact));

  zero_grad(x);
  const Tensor means = ops::avg_pool2d(x);
  EXPECT_TRUE(close(means, {1.25, 4.25, -3.75, 5.5}, kExact));
  backward(means, g);
  EXPECT_TRUE(
      close(x.grad(), {2.5, 2.5, 5, 5, 2.5, 2.5, 5, 5, 10, 10, 20, 20, 10, 10, 20, 20}, kExact));
}

TEST_P(Pool2dTest, PaddingIsNotCounted) {
  const Tensor x = Tensor::from(std::vector<float>{-1, -2, -3, -8}, {1, 2, 2, 1}, device());
  const Pool2dOptions options{
      .window = {2, 2}, .stride = {2, 2}, .padding = Padding::each_side(1, 1)};
  EXPECT_TRUE(close(ops::max_pool2d(x, options), {-1, -2, -3, -8}, kExact));
  EXPECT_TRUE(close(ops::avg_pool2d(x, options), {-1, -2, -3, -8}, kExact));
  const Pool2dOptions wide{.window = {2, 3}, .stride = {1, 1}, .padding = Padding::same()};
  EXPECT_TRUE(close(ops::avg_pool2d(x, wide), {-3.5, -3.5, -5.5, -5.5}, kExact));
}

TEST_P(Pool2dTest, OverlappingWindowsAddUp) {
  Tensor x = Tensor::from(std::vector<float>{1, 9, 2, 3}, {1, 1, 4, 1}, device());
  x.set_requires_grad(true);
  const Pool2dOptions options{.window = {1, 2}, .stride = {1, 1}};
  const Tensor g = Tensor::from(std::vector<float>{1, 10, 100}, {1, 1, 3, 1}, device());
  backward(ops::max_pool2d(x, options), g);
  EXPECT_TRUE(close(x.grad(), {0, 11, 0, 100}, kExact));
  zero_grad(x);
  backward(ops::avg_pool2d(x, options), g);
  EXPECT_TRUE(close(x.grad(), {0.5, 5.5, 55, 50}, kExact));
}

TEST_P(Pool2dTest, MatchesReference) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    expect_matches_reference(max_pool(c.options), {distinct(c.input)});
    expect_matches_reference(avg_pool(c.options), {random_tensor(c.input, 1)});
  }
}

// Small integers: nearly every window has several maxima.
TEST_P(Pool2dTest, FirstOfEqualMaximaWins) {
  if (device() == Device::gpu && GetParam().kernels == Kernels::library)
    GTEST_SKIP() << "cuDNN does not say which of equal maxima receives the gradient";
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    std::vector<double> values = values_of(random_tensor(c.input, 3, 0, 3));
    for (double& value : values) value = std::floor(value);
    expect_matches_reference(max_pool(c.options), {Tensor::from(values, c.input)},
                             on_onednn() ? kFloat32 : kExact);  // whose sums have their own order
  }
}

TEST_P(Pool2dTest, MaximumKeepsNan) {
  if (on_onednn()) GTEST_SKIP() << kOnednnHidesNan;
  for (const std::vector<float>& values : {std::vector<float>{NAN, 1}, {1, NAN}}) {
    const Tensor x = Tensor::from(values, {1, 1, 2, 1}, device());
    const Tensor output = ops::max_pool2d(x, {.window = {1, 2}});
    EXPECT_TRUE(std::isnan(output.to_vector<float>()[0]));
  }
}

// A view that starts at an odd element forbids loads of several floats at once.
TEST_P(Pool2dTest, UnalignedView) {
  if (device() == Device::gpu && GetParam().kernels == Kernels::library)
    GTEST_SKIP() << "cuDNN states no alignment";
  const Tensor all = random_tensor({1 + 2 * 4 * 4 * 8}, 9, -1, 1, DType::float32);
  const Tensor x = all.to(device()).view({2, 4, 4, 8}, 1);
  const Tensor copy = all.view({2, 4, 4, 8}, 1).clone().to(device());
  EXPECT_TRUE(identical(ops::max_pool2d(x), ops::max_pool2d(copy)));
  EXPECT_TRUE(identical(ops::avg_pool2d(x), ops::avg_pool2d(copy)));
}

TEST_P(Pool2dTest, SameBitsOnAnyNumberOfThreads) {
  const int threads = thread_count();
  const Pool2dOptions options{.window = {3, 3}, .stride = {2, 2}, .padding = Padding::same()};
  std::vector<Tensor> results;
  for (const int count : {1, 3, 3}) {
    set_thread_count(count);
    for (const Function& pool : {max_pool(options), avg_pool(options)}) {
      Tensor x = random_tensor({9, 31, 29, 11}, 4, -1, 1, DType::float32).to(device());
      x.set_requires_grad(true);
      const Tensor output = pool({x});
      backward(output, random_tensor(output.shape(), 6, -1, 1, DType::float32).to(device()));
      results.insert(results.end(), {output, x.grad()});
    }
  }
  set_thread_count(threads);
  for (size_t i = 4; i < results.size(); ++i)
    EXPECT_TRUE(identical(results[i], results[i % 4])) << i;
}

TEST_P(Pool2dTest, EmptyBatch) {
  for (const Shape& shape : {Shape{0, 4, 4, 2}, Shape{2, 4, 4, 0}}) {
    Tensor x = Tensor::empty(shape, DType::float32, device());
    x.set_requires_grad(true);
    const Tensor output = ops::max_pool2d(x);
    EXPECT_EQ(output.shape(), Shape({shape[0], 2, 2, shape[3]}));
    backward(output, Tensor::empty(output.shape(), DType::float32, device()));
    EXPECT_EQ(x.grad().shape(), shape);
    EXPECT_EQ(ops::avg_pool2d(x).shape(), output.shape());
  }
}

TEST(Pool2dGradientTest, MatchesCentralDifferences) {
  for (const Case& c : kCases) {
    if (c.input.size() > 1000) continue;  // two passes for each element
    EXPECT_TRUE(gradients_match(max_pool(c.options), {distinct(c.input)})) << c.name;
    EXPECT_TRUE(gradients_match(avg_pool(c.options), {random_tensor(c.input, 2)})) << c.name;
  }
}

TEST(Pool2dErrorTest, NamesWhatDoesNotFit) {
  const Tensor image = Tensor::zeros({1, 4, 5, 1});
  EXPECT_TRUE(
      fails("max_pool2d: expected an input (batch, height, width, channels), got (4, 5)", [] {
        ops::max_pool2d(Tensor::zeros({4, 5}));
      }));
  EXPECT_TRUE(fails("avg_pool2d: expected a floating tensor, got uint8", [] {
    ops::avg_pool2d(Tensor::zeros({1, 2, 2, 1}, DType::uint8));
  }));
  EXPECT_TRUE(fails("max_pool2d: a window spanning 5 does not fit an image of height 4", [&] {
    ops::max_pool2d(image, {.window = {5, 1}});
  }));
  EXPECT_TRUE(fails("stride -1", [&] { ops::max_pool2d(image, {.stride = {1, -1}}); }));
  EXPECT_TRUE(fails("window 0", [&] { ops::avg_pool2d(image, {.window = {2, 0}}); }));
  EXPECT_TRUE(
      fails("avg_pool2d: the padding (2, 2) along the width must be smaller than the window of 2",
            [&] { ops::avg_pool2d(image, {.padding = Padding::each_side(1, 2)}); }));
  EXPECT_TRUE(fails("the height of the image is 0", [] {
    ops::max_pool2d(Tensor::zeros({1, 0, 4, 1}), {.padding = Padding::each_side(1, 1)});
  }));
}

}  // namespace
}  // namespace strata::test
