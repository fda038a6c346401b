#include "ops/binary.h"

#include <cmath>

#include "ops/operators.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class BinaryTest : public RungTest {};
STRATA_ON_EVERY_RUNG(BinaryTest);

using BinaryOp = Tensor (*)(const Tensor&, const Tensor&);
struct Case {
  const char* name;
  BinaryOp op;
  double (*number)(double, double);
};
const Case kCases[] = {{"add", ops::add, [](double a, double b) { return a + b; }},
                       {"subtract", ops::subtract, [](double a, double b) { return a - b; }},
                       {"multiply", ops::multiply, [](double a, double b) { return a * b; }},
                       {"divide", ops::divide, [](double a, double b) { return a / b; }}};

// Equal; a row; a column; a number; both repeated; a missing axis; an axis in the middle; axes that
// merge behind one that does not; six axes.
const std::pair<Shape, Shape> kShapes[] = {{{7, 3}, {7, 3}},
                                           {{7, 3}, {3}},
                                           {{7, 1}, {7, 3}},
                                           {{7, 3}, {}},
                                           {{}, {}},
                                           {{5, 1}, {1, 4}},
                                           {{3, 4}, {2, 1, 4}},
                                           {{2, 1, 5}, {2, 3, 5}},
                                           {{2, 3, 4, 5}, {3, 1, 1}},
                                           {{1, 1, 3}, {2, 1, 3}},
                                           {{2, 1, 3, 1, 2, 1}, {1, 2, 1, 3, 1, 2}},
                                           {{100, 1, 33}, {1, 17, 33}},
                                           {{300, 257}, {257}},
                                           {{100003}, {1}}};

Tensor operand(const Shape& shape, uint64_t seed) {
  return random_tensor(shape, seed, 0.5, 2);
}

TEST_P(BinaryTest, KnownValues) {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}, device());
  const Tensor row = Tensor::from(std::vector<float>{1, -2, 4}, {3}, device());
  const Tensor column = Tensor::from(std::vector<float>{10, 20}, {2, 1}, device());
  EXPECT_TRUE(close(ops::add(a, row), {2, 0, 7, 5, 3, 10}, kExact));
  EXPECT_TRUE(close(ops::subtract(column, a), {9, 8, 7, 16, 15, 14}, kExact));
  EXPECT_TRUE(close(ops::multiply(column, row), {10, -20, 40, 20, -40, 80}, kExact));
  EXPECT_TRUE(close(ops::divide(a, row), {1, -1, 0.75, 4, -2.5, 1.5}, kExact));
  EXPECT_EQ(ops::multiply(column, row).shape(), Shape({2, 3}));
}

// The formula on NumPy's rule, written here once more: neither the reference nor a rung's way of
// walking through memory is trusted.
TEST_P(BinaryTest, BroadcastsLikeNumpy) {
  for (const auto& [a_shape, b_shape] : kShapes) {
    SCOPED_TRACE(a_shape.to_string() + " " + b_shape.to_string());
    const Tensor a = converted(operand(a_shape, 1), DType::float32, device());
    const Tensor b = converted(operand(b_shape, 2), DType::float32, device());
    const std::vector<double> x = values_of(a), y = values_of(b);
    for (const Case& c : kCases) {
      const Tensor result = c.op(a, b);
      std::vector<double> expected;
      for (int64_t i = 0; i < result.size(); ++i) {
        int64_t rest = i, x_at = 0, y_at = 0, x_step = 1, y_step = 1;
        for (int axis = result.rank() - 1; axis >= 0; --axis) {
          const int64_t coordinate = rest % result.extent(axis);
          rest /= result.extent(axis);
          const int x_axis = axis - result.rank() + a.rank(),
                    y_axis = axis - result.rank() + b.rank();
          if (x_axis >= 0) {
            x_at += a.extent(x_axis) == 1 ? 0 : coordinate * x_step;
            x_step *= a.extent(x_axis);
          }
          if (y_axis >= 0) {
            y_at += b.extent(y_axis) == 1 ? 0 : coordinate * y_step;
            y_step *= b.extent(y_axis);
          }
        }
        expected.push_back(c.number(x[x_at], y[y_at]));
      }
      // One rounding of the result.
      EXPECT_TRUE(close(result, expected, {.relative = 1.2e-7})) << c.name;
    }
  }
}

TEST_P(BinaryTest, MatchesReference) {
  for (const Case& c : kCases) {
    for (const auto& [a_shape, b_shape] : kShapes) {
      SCOPED_TRACE(c.name + a_shape.to_string() + " " + b_shape.to_string());
      // A gradient that is a sum of n terms of size up to 8 is allowed sqrt(n) roundings of it.
      const double terms = std::max(1.0, std::sqrt(100003.0));
      expect_matches_reference([&](const auto& inputs) { return c.op(inputs[0], inputs[1]); },
                               {operand(a_shape, 1), operand(b_shape, 2)},
                               {.relative = 2e-5, .absolute = 8 * 6e-8 * terms});
    }
  }
}

TEST_P(BinaryTest, SameBits) {
  expect_same_bits([](const auto& inputs) { return ops::divide(inputs[0], inputs[1]); },
                   {operand({3001, 33}, 1), operand({33}, 2)});
}

TEST_P(BinaryTest, EmptyTensors) {
  const Tensor empty = Tensor::empty({0, 3}, DType::float32, device());
  const Tensor row = Tensor::zeros({3}, DType::float32, device());
  for (const Case& c : kCases) {
    EXPECT_EQ(c.op(empty, row).shape(), Shape({0, 3})) << c.name;
    EXPECT_EQ(c.op(Tensor::zeros({1, 3}, DType::float32, device()), empty).shape(), Shape({0, 3}));
  }
  Tensor leaf = row.clone().set_requires_grad(true);
  backward(ops::add(empty, leaf), empty);
  EXPECT_TRUE(close(leaf.grad(), {0, 0, 0}, kExact));
}

TEST_P(BinaryTest, OperatorsAndNumbers) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 4}, {3}, device());
  EXPECT_TRUE(close(x + x * x - x / x, {1, 5, 19}, kExact));
  EXPECT_TRUE(close(-x, {-1, -2, -4}, kExact));
  EXPECT_TRUE(close(x + 1.0, {2, 3, 5}, kExact));
  EXPECT_TRUE(close(x - 1.0, {0, 1, 3}, kExact));
  EXPECT_TRUE(close(x * 2.0, {2, 4, 8}, kExact));
  EXPECT_TRUE(close(x / 2.0, {0.5, 1, 2}, kExact));
  EXPECT_TRUE(close(1.0 + x, {2, 3, 5}, kExact));
  EXPECT_TRUE(close(1.0 - x, {0, -1, -3}, kExact));
  EXPECT_TRUE(close(3.0 * x, {3, 6, 12}, kExact));
  EXPECT_TRUE(close(8.0 / x, {8, 4, 2}, kExact));
}

TEST(BinaryGradientTest, MatchesCentralDifferences) {
  for (const Case& c : kCases) {
    for (const auto& [a_shape, b_shape] : kShapes) {
      if (a_shape.size() > 200 || b_shape.size() > 200) continue;  // two evaluations an element
      EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(inputs[0], inputs[1]); },
                                  {operand(a_shape, 3), operand(b_shape, 4)}))
          << c.name << a_shape.to_string() << b_shape.to_string();
    }
  }
}

TEST(BinaryGradientTest, OneOperandNeedsIt) {
  const Tensor fixed = operand({3}, 5);
  for (const Case& c : kCases) {
    EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(inputs[0], fixed); },
                                {operand({2, 3}, 6)}))
        << c.name;
    EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(fixed, inputs[0]); },
                                {operand({2, 3}, 7)}))
        << c.name;
    EXPECT_TRUE(gradients_match([&](const auto& inputs) { return c.op(inputs[0], inputs[0]); },
                                {operand({2, 3}, 8)}))
        << c.name << " of a tensor with itself";
  }
}

// (x - 2) / (3 - x) at x = 1: value -1/2, slope 1 / (3 - x)^2.
TEST(BinaryGradientTest, GoesThroughNumbers) {
  Tensor x = Tensor::full({1}, 1.0).set_requires_grad(true);
  backward((x - 2.0) / (3.0 - x));
  EXPECT_TRUE(close(x.grad(), {0.25}, kExact));
}

TEST(BinaryErrorTest, NamesWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(fails("multiply: shapes (2, 3) and (2) do not broadcast: 3 against 2",
                    [&] { ops::multiply(x, Tensor::zeros({2})); }));
  EXPECT_TRUE(fails("divide: expected a floating tensor, got int32", [&] {
    ops::divide(Tensor::zeros({2}, DType::int32), Tensor::zeros({2}, DType::int32));
  }));
  EXPECT_TRUE(fails("add: one operand is float32, the other float64", [&] {
    ops::add(x, Tensor::zeros({2, 3}, DType::float64));
  }));
}

}  // namespace
}  // namespace strata::test
