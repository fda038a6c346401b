#include "ops/conv2d_relu_max_pool.h"

#include <cmath>

#include "ops/bias_add.h"
#include "ops/pool2d.h"
#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::Conv2dOptions;
using ops::Padding;

class Conv2dReluMaxPoolTest : public RungTest {};
STRATA_ON_EVERY_RUNG(Conv2dReluMaxPoolTest);

struct Case {
  const char* name;
  Shape input;   // (N, H, W, C)
  Shape weight;  // (K, R, S, C / groups)
  Conv2dOptions options = {};
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"lenet 1", {5, 28, 28, 1}, {24, 5, 5, 1}},
      {"lenet 2", {5, 12, 12, 24}, {32, 3, 3, 24}},
      {"one image", {1, 12, 12, 24}, {32, 3, 3, 24}},
      {"one channel, 3x3", {3, 10, 8, 1}, {8, 3, 3, 1}},
      {"three channels", {2, 12, 14, 3}, {16, 5, 5, 3}},
      {"three channels, same", {2, 32, 32, 3}, {32, 3, 3, 3}, {.padding = Padding::same()}},
      {"odd extents", {3, 10, 13, 1}, {5, 3, 3, 1}},
      {"eight channels", {3, 7, 9, 8}, {8, 3, 3, 8}},
      {"many channels, same", {2, 8, 8, 32}, {64, 3, 3, 32}, {.padding = Padding::same()}},
      {"many channels, odd", {3, 9, 12, 16}, {24, 3, 3, 16}},
      {"16 outputs of 40 channels", {2, 6, 6, 40}, {16, 3, 3, 40}},
      {"strided", {2, 13, 13, 4}, {6, 3, 3, 4}, {.stride = {2, 1}}},
      {"dilated", {2, 9, 9, 2}, {3, 3, 3, 2}, {.dilation = {2, 2}}},
      {"groups", {2, 7, 7, 6}, {4, 3, 2, 3}, {.groups = 2}},
      {"7 to 9 channels", {2, 6, 6, 7}, {9, 2, 2, 7}},
      {"large image", {1, 70, 66, 1}, {4, 5, 5, 1}},
      {"large image of many channels", {1, 70, 66, 16}, {8, 3, 3, 16}},
      {"16 channels, 5x5", {2, 12, 12, 16}, {8, 5, 5, 16}},
      {"9 channels, 7x7", {2, 14, 14, 9}, {5, 7, 7, 9}},
      {"one channel, 7x7", {2, 14, 14, 1}, {4, 7, 7, 1}},
      {"wide image", {1, 6, 530, 1}, {4, 3, 3, 1}},
      {"8 channels, dilated", {2, 12, 12, 8}, {16, 3, 3, 8}, {.dilation = {2, 2}}},
      {"16 channels, dilated in one axis", {2, 9, 12, 16}, {8, 3, 3, 16}, {.dilation = {1, 3}}},
  };
  return list;
}

Function stage(const Conv2dOptions& options) {
  return [options](const auto& in) {
    return ops::conv2d_relu_max_pool(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), options);
  };
}

Function composition(const Conv2dOptions& options) {
  return [options](const auto& in) {
    const Tensor image = ops::conv2d(in[0], in[1], options);
    return ops::relu(ops::max_pool2d(in.size() > 2 ? ops::bias_add(image, in[2]) : image));
  };
}

std::vector<Tensor> inputs_of(const Case& c) {
  return {random_tensor(c.input, 1), random_tensor(c.weight, 2), random_tensor({c.weight[0]}, 3)};
}

TEST_P(Conv2dReluMaxPoolTest, ByHand) {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 4, 4, 8, 6, 7, 9, 3}, {1, 3, 3, 1}, device());
  Tensor w = Tensor::from(std::vector<float>{1, -1}, {1, 1, 2, 1}, device());
  Tensor b = Tensor::from(std::vector<float>{3}, {1}, device());
  for (Tensor* leaf : {&x, &w, &b}) leaf->set_requires_grad(true);
  // The convolution with bias: 2 1 / -1 5 / 1 9; its first two rows are the only window.
  const Tensor y = ops::conv2d_relu_max_pool(x, w, b);
  EXPECT_EQ(y.shape(), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(values_of(y), (std::vector<double>{5}));
  backward(y, Tensor::full({1, 1, 1, 1}, 2, DType::float32, device()));
  EXPECT_EQ(values_of(x.grad()), (std::vector<double>{0, 0, 0, 0, 2, -2, 0, 0, 0}));
  EXPECT_EQ(values_of(w.grad()), (std::vector<double>{16, 12}));
  EXPECT_EQ(values_of(b.grad()), (std::vector<double>{2}));
}

TEST_P(Conv2dReluMaxPoolTest, ClosedReluPassesNoGradient) {
  Tensor x = Tensor::full({2, 4, 4, 1}, 1, DType::float32, device());
  Tensor w = Tensor::full({3, 3, 3, 1}, -1, DType::float32, device());
  Tensor b = Tensor::full({3}, 9, DType::float32, device());  // the sum is exactly 0
  for (Tensor* leaf : {&x, &w, &b}) leaf->set_requires_grad(true);
  const Tensor y = ops::conv2d_relu_max_pool(x, w, b);
  EXPECT_EQ(values_of(y), std::vector<double>(6, 0));
  backward(y, Tensor::full({2, 1, 1, 3}, 1, DType::float32, device()));
  for (const Tensor* leaf : {&x, &w, &b})
    EXPECT_EQ(values_of(leaf->grad()), std::vector<double>(leaf->size(), 0));
}

TEST_P(Conv2dReluMaxPoolTest, TheFirstOfEqualMaximaGetsTheGradient) {
  for (const int64_t channels : {1, 8}) {
    Tensor x = Tensor::full({1, 4, 4, channels}, 1, DType::float32, device());
    Tensor w = Tensor::full({8, 3, 3, channels}, 1, DType::float32, device());
    x.set_requires_grad(true);
    backward(ops::conv2d_relu_max_pool(x, w, Tensor()),
             Tensor::full({1, 1, 1, 8}, 1, DType::float32, device()));
    const std::vector<double> gradient = values_of(x.grad());
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t row = i / channels / 4, column = i / channels % 4;
      EXPECT_EQ(gradient[i], row < 3 && column < 3 ? 8 : 0) << "pixel " << row << ", " << column;
    }
  }
}

TEST_P(Conv2dReluMaxPoolTest, MatchesTheReferencesComposition) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    expect_matches_reference(stage(c.options), inputs_of(c), {.relative = 1e-4, .absolute = 1e-4});
    if (HasFailure()) return;
  }
}

TEST_P(Conv2dReluMaxPoolTest, WithoutBias) {
  for (const Case& c : {cases()[0], cases()[1], cases()[14]}) {
    SCOPED_TRACE(c.name);
    std::vector<Tensor> inputs = inputs_of(c);
    inputs.pop_back();
    expect_matches_reference(stage(c.options), inputs, {.relative = 1e-4, .absolute = 1e-4});
  }
}

/// An input that requires no gradient takes other kernels.
TEST_P(Conv2dReluMaxPoolTest, OfAnInputThatIsData) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Tensor x = random_tensor(c.input, 1);
    const auto with = [&](const Function& function) -> Function {
      return [&, function](const auto& in) {
        return function({converted(x, in[0].dtype(), in[0].device()), in[0], in[1]});
      };
    };
    expect_matches_reference(with(stage(c.options)),
                             {random_tensor(c.weight, 2), random_tensor({c.weight[0]}, 3)},
                             {.relative = 1e-4, .absolute = 1e-4});
    if (HasFailure()) return;
  }
}

TEST_P(Conv2dReluMaxPoolTest, NoImages) {
  Tensor x = Tensor::empty({0, 8, 8, 1}, DType::float32, device());
  Tensor w = Tensor::full({4, 3, 3, 1}, 1, DType::float32, device());
  Tensor b = Tensor::full({4}, 1, DType::float32, device());
  for (Tensor* leaf : {&x, &w, &b}) leaf->set_requires_grad(true);
  const Tensor y = ops::conv2d_relu_max_pool(x, w, b);
  EXPECT_EQ(y.shape(), (Shape{0, 3, 3, 4}));
  backward(y, Tensor::empty(y.shape(), DType::float32, device()));
  EXPECT_EQ(x.grad().shape(), x.shape());
  EXPECT_EQ(values_of(w.grad()), std::vector<double>(36, 0));
  EXPECT_EQ(values_of(b.grad()), std::vector<double>(4, 0));
}

TEST_P(Conv2dReluMaxPoolTest, AFrozenWeightLeavesTheOtherGradients) {
  for (const Case& c : {cases()[0], cases()[1], cases()[13]}) {
    SCOPED_TRACE(c.name);
    const Tensor x = random_tensor(c.input, 1), w = random_tensor(c.weight, 2);
    const auto like = [](const Tensor& tensor, const Tensor& other) {
      return converted(tensor, other.dtype(), other.device());
    };
    const Function of_all_else = [&](const auto& in) {
      return stage(c.options)({in[0], like(w, in[0]), in[1]});
    };
    const Function of_the_bias = [&](const auto& in) {
      return stage(c.options)({like(x, in[0]), like(w, in[0]), in[0]});
    };
    const Tensor b = random_tensor({c.weight[0]}, 3);
    constexpr Tolerance kSums{.relative = 1e-4, .absolute = 1e-4};
    expect_matches_reference(of_all_else, {x, b}, kSums);
    expect_matches_reference(of_the_bias, {b}, kSums);
  }
}

/// Images in numbers around what blocks take at once.
TEST_P(Conv2dReluMaxPoolTest, AnyNumberOfImages) {
  for (const int64_t images : {2, 3, 7, 8, 64, 131, 300}) {
    SCOPED_TRACE(images);
    expect_matches_reference(stage({}), inputs_of({"", {images, 8, 8, 1}, {8, 5, 5, 1}}),
                             {.relative = 1e-4, .absolute = 3e-4});
    expect_matches_reference(stage({}), inputs_of({"", {images, 6, 6, 8}, {16, 3, 3, 8}}),
                             {.relative = 1e-4, .absolute = 3e-4});
  }
}

/// One window an image, and other numbers that do not halve: a small batch's images are halved.
TEST_P(Conv2dReluMaxPoolTest, AnyNumberOfWindows) {
  for (const int64_t images : {1, 300})
    for (const Shape& size : {Shape{4, 4}, Shape{4, 6}, Shape{4, 8}, Shape{6, 12}}) {
      SCOPED_TRACE(fmt::format("{} images {}", images, size));
      expect_matches_reference(stage({}),
                               inputs_of({"", {images, size[0], size[1], 8}, {8, 3, 3, 8}}),
                               {.relative = 1e-4, .absolute = 3e-4});
    }
}

TEST_P(Conv2dReluMaxPoolTest, SameBitsEachTime) {
  for (const Case& c : {cases()[0], cases()[1], cases()[13]}) {
    SCOPED_TRACE(c.name);
    expect_same_bits(stage(c.options), inputs_of(c));
  }
}

TEST_P(Conv2dReluMaxPoolTest, SameBitsOnSeveralThreads) {
  for (const Case& c : {Case{"lenet 1", {64, 28, 28, 1}, {24, 5, 5, 1}},
                        Case{"lenet 2", {64, 12, 12, 24}, {32, 3, 3, 24}}}) {
    SCOPED_TRACE(c.name);
    expect_same_bits_on_several_threads(stage(c.options), inputs_of(c));
  }
}

TEST_P(Conv2dReluMaxPoolTest, NaNReachesTheOutput) {
  if (on_onednn()) GTEST_SKIP() << kOnednnHidesNan;
  for (const Case& c : {cases()[0], cases()[1], cases()[13]}) {
    SCOPED_TRACE(c.name);
    const Tensor x = Tensor::full(c.input, NAN, DType::float32, device());
    const Tensor w = Tensor::full(c.weight, 1, DType::float32, device());
    for (const double value : values_of(ops::conv2d_relu_max_pool(x, w, Tensor(), c.options)))
      EXPECT_TRUE(std::isnan(value));
  }
}

/// Whole numbers from -8 to 8, whose products and sums float32 and TF32 hold exactly.
Tensor integers(const Shape& shape, uint64_t seed, Device device) {
  std::vector<double> values = values_of(random_tensor(shape, seed, -8, 8));
  for (double& value : values) value = std::round(value);
  return converted(Tensor::from(values, shape), DType::float32, device);
}

/// The stage's output and gradients on integers; an image that is data has none and takes other
/// kernels.
std::vector<Tensor> results_on_integers(const Case& c, bool image_is_data, Device device) {
  std::vector<Tensor> leaves = {integers(c.input, 1, device), integers(c.weight, 2, device),
                                integers({c.weight[0]}, 3, device)};
  if (!image_is_data) leaves[0].set_requires_grad(true);
  leaves[1].set_requires_grad(true);
  leaves[2].set_requires_grad(true);
  const Tensor y = ops::conv2d_relu_max_pool(leaves[0], leaves[1], leaves[2], c.options);
  backward(y, integers(y.shape(), 4, device));
  std::vector<Tensor> results = {y, leaves[1].grad(), leaves[2].grad()};
  if (!image_is_data) results.push_back(leaves[0].grad());
  return results;
}

// Equal to the bit, whatever the precision: a fragment in the wrong place cannot hide behind a
// tolerance. Ties are many.
TEST_P(Conv2dReluMaxPoolTest, ExactOnIntegersInEveryPrecision) {
  std::vector<Case> all = cases();
  all.push_back({"many images", {131, 8, 8, 1}, {24, 5, 5, 1}});
  all.push_back({"40 outputs", {2, 12, 14, 1}, {40, 5, 5, 1}});
  all.push_back({"48 outputs of 3 channels", {3, 11, 13, 3}, {48, 3, 3, 3}});
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    for (const bool image_is_data : {false, true}) {
      for (const Case& c : all) {
        SCOPED_TRACE(
            fmt::format("{}, {}, image is data: {}", c.name, name_of(precision), image_is_data));
        std::vector<Tensor> expected;
        {
          const SettingsScope scope({.kernels = Kernels::reference});
          expected = results_on_integers(c, image_is_data, Device::cpu);
        }
        const SettingsScope scope({.kernels = settings().kernels, .precision = precision});
        const auto results = results_on_integers(c, image_is_data, device());
        const char* names[] = {"output", "gradient of w", "gradient of b", "gradient of x"};
        for (size_t i = 0; i < results.size(); ++i)
          EXPECT_TRUE(close(results[i], expected[i], kExact)) << names[i];
        if (HasFailure()) return;
      }
    }
  }
}

// Rounding x and w to 11 significant bits changes each product by at most 2^-10 of its size, and a
// sum of n of them, of size one and random signs, by some sqrt(n) 2^-11; the gradient besides moves
// where another pixel of a window wins, which these few cases do not show.
TEST_P(Conv2dReluMaxPoolTest, NearTheReferenceInTf32) {
  const SettingsScope scope({.kernels = settings().kernels, .precision = Precision::tf32});
  const Function forward_only = [](const auto& in) {
    const NoGradScope no_grad;
    return ops::conv2d_relu_max_pool(in[0], in[1], in[2]);
  };
  for (const Case& c : {cases()[0], cases()[1], cases()[9]}) {
    SCOPED_TRACE(c.name);
    expect_matches_reference(forward_only, inputs_of(c), {.relative = 2e-3, .absolute = 2e-2});
  }
}

TEST(Conv2dReluMaxPool, GradientCheck) {
  EXPECT_TRUE(gradients_match(stage({}), {random_tensor({2, 6, 5, 2}, 1),
                                          random_tensor({3, 3, 2, 2}, 2), random_tensor({3}, 3)}));
}

TEST(Conv2dReluMaxPool, EqualsItsComposition) {
  const std::vector<Tensor> in = inputs_of(cases()[4]);
  EXPECT_TRUE(identical(stage({})(in), composition({})(in)));
}

TEST(Conv2dReluMaxPool, Errors) {
  const Tensor x = Tensor::zeros({1, 5, 5, 2}), w = Tensor::zeros({3, 3, 3, 2});
  EXPECT_TRUE(fails("conv2d_relu_max_pool: expected a bias float32 (3), got float32 (2)",
                    [&] { ops::conv2d_relu_max_pool(x, w, Tensor::zeros({2})); }));
  EXPECT_TRUE(fails("too small for windows of 2x2", [&] {
    ops::conv2d_relu_max_pool(x, Tensor::zeros({3, 5, 5, 2}), Tensor());
  }));
  EXPECT_TRUE(fails("conv2d: weight (3, 3, 3, 4) takes 4 channels", [&] {
    ops::conv2d_relu_max_pool(x, Tensor::zeros({3, 3, 3, 4}), Tensor());
  }));
}

}  // namespace
}  // namespace strata::test
