// The ops that move elements and compute nothing: reshape, transpose, concatenate, slice.
#include <numeric>

#include "ops/concatenate.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "ops/transpose.h"
#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

class DataMovementTest : public RungTest {
 protected:
  // 0, 1, 2, ...
  template <class T = float>
  Tensor counting(const Shape& shape) const {
    std::vector<T> values(static_cast<size_t>(shape.size()));
    std::iota(values.begin(), values.end(), T{0});
    return Tensor::from(values, shape, device());
  }
};
STRATA_ON_EVERY_RUNG(DataMovementTest);

TEST_P(DataMovementTest, ReshapeIsAView) {
  const Tensor x = counting({2, 6});
  for (const auto& [extents, shape] : {std::pair<std::vector<int64_t>, Shape>{{3, 4}, {3, 4}},
                                       {{-1}, {12}},
                                       {{2, -1, 3}, {2, 2, 3}}}) {
    const Tensor y = ops::reshape(x, extents);
    EXPECT_EQ(y.shape(), shape);
    EXPECT_TRUE(y.shares_memory_with(x));
    EXPECT_TRUE(close(y.view({2, 6}), x, kExact));
  }
  EXPECT_EQ(ops::reshape(Tensor::zeros({1}), {}).shape(), Shape());
  EXPECT_EQ(ops::reshape(Tensor::zeros({0, 3}), {-1, 3}).shape(), Shape({0, 3}));
}

TEST_P(DataMovementTest, TransposeKnownValues) {
  const Tensor x = counting({2, 3});
  EXPECT_TRUE(close(ops::transpose(x), {0, 3, 1, 4, 2, 5}, kExact));
  EXPECT_EQ(ops::transpose(x).shape(), Shape({3, 2}));
  EXPECT_TRUE(close(ops::transpose(x, {0, 1}), x, kExact));
  EXPECT_TRUE(close(ops::transpose(counting<uint8_t>({2, 2})), {0, 2, 1, 3}, kExact));
  EXPECT_TRUE(close(ops::transpose(counting<int32_t>({2, 2})), {0, 2, 1, 3}, kExact));
}

// y[i, j, k] = x[j, k, i], and the like for each of the six permutations.
TEST_P(DataMovementTest, TransposeFollowsTheDefinition) {
  const Tensor x = counting({3, 4, 50});
  std::vector<int> axes{0, 1, 2};
  do {
    const Tensor y = ops::transpose(x, axes);
    const std::vector<float> values = y.to_vector<float>();
    for (int64_t flat = 0; flat < y.size(); ++flat) {
      int64_t place[3];
      place[axes[2]] = flat % y.extent(2);
      place[axes[1]] = flat / y.extent(2) % y.extent(1);
      place[axes[0]] = flat / y.extent(2) / y.extent(1);
      ASSERT_EQ(values[flat], (place[0] * 4 + place[1]) * 50 + place[2]) << y.shape().to_string();
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
}

TEST_P(DataMovementTest, ConcatenateKnownValues) {
  const Tensor a = counting({2, 2}), b = counting({2, 1}), none = counting({2, 0});
  EXPECT_TRUE(close(ops::concatenate({a, none, b}, 1), {0, 1, 0, 2, 3, 1}, kExact));
  EXPECT_TRUE(close(ops::concatenate({a, a}, -2), {0, 1, 2, 3, 0, 1, 2, 3}, kExact));
  EXPECT_EQ(ops::concatenate({a, a}, 0).shape(), Shape({4, 2}));
  EXPECT_TRUE(close(ops::concatenate({counting<uint8_t>({2}), counting<uint8_t>({1})}, 0),
                    {0, 1, 0}, kExact));
}

TEST_P(DataMovementTest, SliceKnownValues) {
  const Tensor x = counting({3, 4});
  EXPECT_TRUE(close(ops::slice(x, {1, 1}, {2, 2}), {5, 6, 9, 10}, kExact));
  EXPECT_TRUE(close(ops::slice(x, {2, 0}, {-1, -1}), {8, 9, 10, 11}, kExact));
  EXPECT_EQ(ops::slice(x, {3, 0}, {0, 4}).shape(), Shape({0, 4}));
  EXPECT_TRUE(close(ops::slice(counting<int32_t>({5}), {3}, {2}), {3, 4}, kExact));
}

// The large shapes, odd in every extent, take the kernels over several threads and blocks.
struct Movement {
  const char* name;
  Function function;
  std::vector<Shape> inputs;
};
const Movement kMovements[] = {
    {"reshape",
     [](const auto& x) {
       return ops::reshape(x[0], {-1, 2});
     },
     {{3, 4}}},
    {"transpose", [](const auto& x) { return ops::transpose(x[0]); }, {{5, 7}}},
    {"NHWC to NCHW",
     [](const auto& x) {
       return ops::transpose(x[0], {0, 3, 1, 2});
     },
     {{2, 3, 4, 5}}},
    {"large transpose", [](const auto& x) { return ops::transpose(x[0]); }, {{307, 211}}},
    {"concatenate rows",
     [](const auto& x) {
       return ops::concatenate({x[0], x[1], x[0]}, 0);
     },
     {{2, 3}, {1, 3}}},
    {"concatenate channels",
     [](const auto& x) {
       return ops::concatenate({x[0], x[1]}, -1);
     },
     {{2, 3, 2}, {2, 3, 1}}},
    {"large concatenate",
     [](const auto& x) {
       return ops::concatenate({x[0], x[1]}, 1);
     },
     {{301, 70, 3}, {301, 41, 3}}},
    {"slice",
     [](const auto& x) {
       return ops::slice(x[0], {1, 0, 2}, {1, 3, 2});
     },
     {{3, 3, 5}}},
    {"large slice",
     [](const auto& x) {
       return ops::slice(x[0], {3, 1}, {290, 200});
     },
     {{307, 211}}}};

std::vector<Tensor> random_inputs(const Movement& movement) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : movement.inputs)
    inputs.push_back(random_tensor(shape, inputs.size() + 1));
  return inputs;
}

TEST_P(DataMovementTest, MatchesReference) {
  for (const Movement& movement : kMovements) {
    SCOPED_TRACE(movement.name);
    // Only the gradient of an input that is used twice is computed: one addition.
    expect_matches_reference(movement.function, random_inputs(movement), {.absolute = 1.2e-7});
  }
}

TEST(DataMovementGradientTest, MatchesCentralDifferences) {
  for (const Movement& movement : kMovements) {
    if (movement.inputs[0].size() > 200) continue;  // two evaluations an element
    EXPECT_TRUE(gradients_match(movement.function, random_inputs(movement))) << movement.name;
  }
}

TEST(DataMovementErrorTest, Reshape) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(
      fails("reshape: 6 elements of shape (2, 3) do not fit (4)", [&] { ops::reshape(x, {4}); }));
  EXPECT_TRUE(fails("reshape: 6 elements of shape (2, 3) do not fit (4, -1)", [&] {
    ops::reshape(x, {4, -1});
  }));
  EXPECT_TRUE(fails("must be at least 0, but for one -1", [&] { ops::reshape(x, {-1, -1}); }));
  EXPECT_TRUE(fails("must be at least 0, but for one -1", [&] { ops::reshape(x, {-2, -3}); }));
  EXPECT_TRUE(fails("next to an extent of 0, the -1 of (0, -1) can be anything", [&] {
    ops::reshape(Tensor::zeros({0}), {0, -1});
  }));
}

TEST(DataMovementErrorTest, Transpose) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(fails("transpose: shape (2, 3) has 2 axes, the permutation (0) has 1",
                    [&] { ops::transpose(x, {0}); }));
  EXPECT_TRUE(fails("transpose: the permutation (1, -1) names axis 1 twice", [&] {
    ops::transpose(x, {1, -1});
  }));
  EXPECT_TRUE(fails("axis 2 is out of range", [&] { ops::transpose(x, {0, 2}); }));
}

TEST(DataMovementErrorTest, Concatenate) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(fails("concatenate: there is nothing to join", [&] { ops::concatenate({}, 0); }));
  EXPECT_TRUE(fails("concatenate: shapes (2, 3) and (2, 4) differ on another axis than 0", [&] {
    ops::concatenate({x, Tensor::zeros({2, 4})}, 0);
  }));
  EXPECT_TRUE(fails("concatenate: shapes (2, 3) and (2) differ", [&] {
    ops::concatenate({x, Tensor::zeros({2})}, 0);
  }));
  EXPECT_TRUE(fails("concatenate: one tensor is float32, another int32", [&] {
    ops::concatenate({x, Tensor::zeros({2, 3}, DType::int32)}, 0);
  }));
  EXPECT_TRUE(fails("axis 2 is out of range", [&] { ops::concatenate({x}, 2); }));
}

TEST(DataMovementErrorTest, Slice) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_TRUE(fails("slice: 3 elements from 1 on leave axis 1 of shape (2, 3)", [&] {
    ops::slice(x, {0, 1}, {2, 3});
  }));
  EXPECT_TRUE(fails("leave axis 0", [&] { ops::slice(x, {-1, 0}, {1, 1}); }));
  EXPECT_TRUE(fails("leave axis 0", [&] { ops::slice(x, {3, 0}, {-1, 1}); }));
  EXPECT_TRUE(fails("slice: shape (2, 3) needs 2 begins and sizes, got 1 and 2", [&] {
    ops::slice(x, {0}, {1, 1});
  }));
}

}  // namespace
}  // namespace strata::test
