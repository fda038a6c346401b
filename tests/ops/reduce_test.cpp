#include "ops/reduce.h"

#include <cmath>

#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class ReduceTest : public RungTest {};
STRATA_ON_EVERY_RUNG(ReduceTest);

using ops::ReduceOptions;
using ReduceOp = Tensor (*)(const Tensor&, const ReduceOptions&);
struct Case {
  const char* name;
  ReduceOp op;
};
const Case kCases[] = {{"sum", ops::sum}, {"mean", ops::mean}, {"max", ops::max}};

struct Reduced {
  Shape shape;
  std::vector<int> axes;
};
// Rows and columns, few and many, short and long enough for several passes; separate groups of
// axes; all axes.
const Reduced kReduced[] = {{{5}, {}},
                            {{}, {}},
                            {{7, 3}, {0}},
                            {{7, 3}, {1}},
                            {{7, 3}, {-1}},
                            {{7, 3}, {1, 0}},
                            {{2, 3, 4, 5}, {0, 2}},
                            {{2, 3, 4, 5}, {1, 2}},
                            {{2, 3, 4, 5}, {-1, 0, 1}},
                            {{2, 1, 2, 3, 2, 3}, {0, 2, 4}},
                            {{1, 9, 1}, {0, 2}},
                            {{3000, 10}, {1}},
                            {{3000, 10}, {0}},
                            {{16, 24, 24, 3}, {0, 1, 2}},
                            {{3, 40000}, {1}},
                            {{2, 2000, 33}, {1}},
                            {{5, 2, 2100}, {1}},
                            {{70000, 2}, {0}},
                            {{300001}, {}}};

// Random signs cancel: what remains of n roundings of partial sums of size sqrt(n) is far below.
constexpr Tolerance kSums{.relative = 2e-5, .absolute = 2e-4};

TEST_P(ReduceTest, KnownValues) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 9}, {2, 3}, device());
  EXPECT_TRUE(close(ops::sum(x), {24}, kExact));
  EXPECT_TRUE(close(ops::sum(x, {.axes = {0}}), {5, 7, 12}, kExact));
  EXPECT_TRUE(close(ops::sum(x, {.axes = {1}}), {6, 18}, kExact));
  EXPECT_TRUE(close(ops::mean(x), {4}, kExact));
  EXPECT_TRUE(close(ops::mean(x, {.axes = {-1}}), {2, 6}, kExact));
  EXPECT_TRUE(close(ops::max(x), {9}, kExact));
  EXPECT_TRUE(close(ops::max(x, {.axes = {0}}), {4, 5, 9}, kExact));
}

TEST_P(ReduceTest, Shapes) {
  const Tensor x = Tensor::zeros({2, 3, 4, 5}, DType::float32, device());
  for (const Case& c : kCases) {
    EXPECT_EQ(c.op(x, {}).shape(), Shape()) << c.name;
    EXPECT_EQ(c.op(x, {.keep_dims = true}).shape(), Shape({1, 1, 1, 1})) << c.name;
    EXPECT_EQ(c.op(x, {.axes = {0, -2}}).shape(), Shape({3, 5})) << c.name;
    EXPECT_EQ(c.op(x, {.axes = {0, -2}, .keep_dims = true}).shape(), Shape({1, 3, 1, 5})) << c.name;
  }
}

// Element by element from the definition, so that the chain of passes is checked too.
TEST_P(ReduceTest, FollowsTheDefinition) {
  const Shape shape{2, 3, 4, 5};
  const Tensor x = converted(random_tensor(shape, 1), DType::float32, device());
  const std::vector<double> values = values_of(x);
  std::vector<double> sums(15), maxima(15, -INFINITY);
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t kept = i / 20 % 3 * 5 + i % 5;
    sums[kept] += values[i];
    maxima[kept] = std::max(maxima[kept], values[i]);
  }
  EXPECT_TRUE(close(ops::sum(x, {.axes = {0, 2}}), sums, {.absolute = 1e-6}));
  EXPECT_TRUE(close(ops::max(x, {.axes = {0, 2}}), maxima, kExact));
}

TEST_P(ReduceTest, MatchesReference) {
  for (const Case& c : kCases) {
    for (const Reduced& reduced : kReduced) {
      for (const bool keep_dims : {false, true}) {
        if (keep_dims && reduced.shape.size() > 1000) continue;  // the same kernels
        SCOPED_TRACE(fmt::format("{} {} over ({}), keep_dims {}", c.name, reduced.shape,
                                 fmt::join(reduced.axes, ", "), keep_dims));
        const ReduceOptions options{.axes = reduced.axes, .keep_dims = keep_dims};
        expect_matches_reference([&](const auto& inputs) { return c.op(inputs[0], options); },
                                 {random_tensor(reduced.shape, 1)}, kSums);
      }
    }
  }
}

TEST_P(ReduceTest, MillionTermsStayAccurate) {
  const double value = 0.1f;
  const Tensor row = Tensor::full({1000003}, value, DType::float32, device());
  EXPECT_TRUE(close(ops::sum(row), {1000003 * value}, {.relative = 2e-5}));
  const Tensor columns = Tensor::full({500001, 2}, value, DType::float32, device());
  EXPECT_TRUE(close(ops::mean(columns, {.axes = {0}}), {value, value}, {.relative = 2e-5}));
}

TEST_P(ReduceTest, SameBits) {
  for (const Shape& shape : {Shape{100003, 7}, Shape{3, 100003}}) {
    for (const int axis : {0, 1}) {
      expect_same_bits([&](const auto& inputs) { return ops::sum(inputs[0], {.axes = {axis}}); },
                       {random_tensor(shape, 3)});
    }
  }
}

// Ties everywhere: the gradient goes to the first in row-major order, also across groups of axes.
TEST_P(ReduceTest, MaxTakesTheFirstOfEquals) {
  Tensor x = Tensor::from(std::vector<float>{1, 7, 7, 0, 7, 7, 7, 7}, {2, 2, 2}, device());
  x.set_requires_grad(true);
  backward(ops::max(x));
  EXPECT_TRUE(close(x.grad(), {0, 1, 0, 0, 0, 0, 0, 0}, kExact));
  zero_grad(x);
  const Tensor g = Tensor::from(std::vector<float>{2, 3}, {2}, device());
  backward(ops::max(x, {.axes = {0, 2}}), g);  // x[., 0, .] = 1 7 7 7, x[., 1, .] = 7 0 7 7
  EXPECT_TRUE(close(x.grad(), {0, 2, 3, 0, 0, 0, 0, 0}, kExact));

  Tensor flat = Tensor::full({50000, 3}, -INFINITY, DType::float32, device());
  flat.set_requires_grad(true);
  backward(ops::max(flat, {.axes = {0}}), Tensor::full({3}, 1.0, DType::float32, device()));
  const std::vector<double> grad = values_of(flat.grad());
  for (size_t i = 0; i < grad.size(); ++i) ASSERT_EQ(grad[i], i < 3 ? 1 : 0) << i;
}

TEST_P(ReduceTest, MaxDoesNotHideNan) {
  const Tensor x = Tensor::from(std::vector<float>{1, NAN, 3, 4, 5, 6}, {2, 3}, device());
  const std::vector<float> maxima = ops::max(x, {.axes = {1}}).to_vector<float>();
  EXPECT_TRUE(std::isnan(maxima[0]));
  EXPECT_EQ(maxima[1], 6);
  EXPECT_TRUE(std::isnan(ops::max(x, {.axes = {0}}).to_vector<float>()[1]));
}

TEST_P(ReduceTest, EmptyTensors) {
  const Tensor x = Tensor::empty({0, 3}, DType::float32, device());
  EXPECT_TRUE(close(ops::sum(x), {0}, kExact));
  EXPECT_TRUE(close(ops::sum(x, {.axes = {0}}), {0, 0, 0}, kExact));
  for (const Case& c : kCases) {
    EXPECT_EQ(c.op(x, {.axes = {1}}).shape(), Shape({0})) << c.name;
    Tensor leaf = x.clone().set_requires_grad(true);
    backward(c.op(leaf, {.axes = {1}}), Tensor::empty({0}, DType::float32, device()));
    EXPECT_EQ(leaf.grad().shape(), Shape({0, 3})) << c.name;
  }
}

TEST(ReduceGradientTest, MatchesCentralDifferences) {
  for (const Case& c : kCases) {
    for (const Reduced& reduced : kReduced) {
      if (reduced.shape.size() > 200) continue;  // two evaluations an element
      for (const bool keep_dims : {false, true}) {
        const ReduceOptions options{.axes = reduced.axes, .keep_dims = keep_dims};
        EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(inputs[0], options); },
                                    {random_tensor(reduced.shape, 2)}))
            << c.name << reduced.shape.to_string();
      }
    }
  }
}

TEST(ReduceErrorTest, NamesWhatIsWrong) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(
      fails("axis 2 is out of range for shape (2, 3)", [&] { ops::sum(x, {.axes = {2}}); }));
  EXPECT_TRUE(fails("sum: axis -1 of shape (2, 3) is named twice", [&] {
    ops::sum(x, {.axes = {1, -1}});
  }));
  EXPECT_TRUE(fails("max: there is nothing to reduce in shape (0, 3)", [&] {
    ops::max(Tensor::zeros({0, 3}), {.axes = {0}});
  }));
  EXPECT_TRUE(fails("mean: there is nothing to reduce in shape (0)",
                    [&] { ops::mean(Tensor::zeros({0})); }));
  EXPECT_TRUE(fails("mean: expected a floating tensor, got uint8",
                    [&] { ops::mean(Tensor::zeros({2}, DType::uint8)); }));
}

}  // namespace
}  // namespace strata::test
