#include "ops/matmul.h"

#include "tensor/autograd.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

using ops::MatmulOptions;

class MatmulTest : public RungTest {};
STRATA_ON_EVERY_RUNG(MatmulTest);

const MatmulOptions kTransposes[] = {
    {}, {.transpose_a = true}, {.transpose_b = true}, {.transpose_a = true, .transpose_b = true}};

struct Sizes {
  int64_t batch, m, n, k;
};

/// Operands such that op(a) is m x k and op(b) k x n; without a batch axis when `batch` is 0.
std::vector<Tensor> operands(const Sizes& s, const MatmulOptions& options) {
  const auto shape = [&](int64_t rows, int64_t columns, bool transposed) {
    if (transposed) std::swap(rows, columns);
    return s.batch == 0 ? Shape{rows, columns} : Shape{s.batch, rows, columns};
  };
  return {random_tensor(shape(s.m, s.k, options.transpose_a), 1),
          random_tensor(shape(s.k, s.n, options.transpose_b), 2)};
}

Function product(const MatmulOptions& options) {
  return [options](const auto& inputs) { return ops::matmul(inputs[0], inputs[1], options); };
}

std::string describe(const Sizes& s, const MatmulOptions& options) {
  return fmt::format("batch {}, m {}, n {}, k {}, transposes {} {}", s.batch, s.m, s.n, s.k,
                     options.transpose_a, options.transpose_b);
}

TEST_P(MatmulTest, KnownValues) {
  const Tensor a = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}, device());
  const Tensor b = Tensor::from(std::vector<float>{1, 0, -1, 2, 0, 1}, {3, 2}, device());
  EXPECT_TRUE(close(ops::matmul(a, b), {-1, 7, -1, 16}, kExact));
  const Tensor a_transposed = Tensor::from(std::vector<float>{1, 4, 2, 5, 3, 6}, {3, 2}, device());
  const Tensor b_transposed = Tensor::from(std::vector<float>{1, -1, 0, 0, 2, 1}, {2, 3}, device());
  EXPECT_TRUE(close(ops::matmul(a_transposed, b, {.transpose_a = true}), {-1, 7, -1, 16}, kExact));
  EXPECT_TRUE(close(ops::matmul(a, b_transposed, {.transpose_b = true}), {-1, 7, -1, 16}, kExact));
  EXPECT_TRUE(
      close(ops::matmul(a_transposed, b_transposed, {.transpose_a = true, .transpose_b = true}),
            {-1, 7, -1, 16}, kExact));
}

TEST_P(MatmulTest, KnownGradients) {
  Tensor a = Tensor::from(std::vector<float>{1, 2}, {1, 2}, device());
  Tensor b = Tensor::from(std::vector<float>{3, 4, 5, 6}, {2, 2}, device());
  a.set_requires_grad(true);
  b.set_requires_grad(true);
  backward(ops::matmul(a, b), Tensor::from(std::vector<float>{1, 10}, {1, 2}, device()));
  EXPECT_TRUE(close(a.grad(), {43, 65}, kExact));  // 3 + 40, 5 + 60
  EXPECT_TRUE(close(b.grad(), {1, 10, 2, 20}, kExact));
}

TEST_P(MatmulTest, MatchesReference) {
  // Every size once on both sides of a multiple of 8, 16, 32 and 64, and inner extents from 1 on.
  const Sizes cases[] = {{0, 1, 1, 1},   {0, 1, 1, 40},  {0, 5, 7, 1},    {0, 2, 3, 4},
                         {0, 16, 16, 8}, {0, 15, 17, 9}, {0, 33, 31, 65}, {0, 1, 130, 20},
                         {0, 130, 1, 7}, {3, 13, 21, 6}, {2, 1, 5, 3},    {0, 64, 129, 300}};
  for (const Sizes& sizes : cases) {
    for (const MatmulOptions& options : kTransposes) {
      SCOPED_TRACE(describe(sizes, options));
      expect_matches_reference(product(options), operands(sizes, options));
    }
  }
}

TEST_P(MatmulTest, ManyLeadingAxes) {
  expect_matches_reference(product({}),
                           {random_tensor({2, 1, 3, 4, 5}, 1), random_tensor({2, 1, 3, 5, 2}, 2)});
}

TEST_P(MatmulTest, OneTensorAsBothOperands) {
  expect_matches_reference(
      [](const auto& inputs) { return ops::matmul(inputs[0], inputs[0], {.transpose_b = true}); },
      {random_tensor({5, 7}, 1)});
}

TEST_P(MatmulTest, EmptyExtents) {
  const auto empty = [&](const Shape& shape) {
    return Tensor::empty(shape, DType::float32, device()).set_requires_grad(true);
  };
  EXPECT_EQ(ops::matmul(empty({0, 3}), empty({3, 2})).shape(), Shape({0, 2}));
  EXPECT_EQ(ops::matmul(empty({2, 3}), empty({3, 0})).shape(), Shape({2, 0}));
  EXPECT_EQ(ops::matmul(empty({0, 2, 3}), empty({0, 3, 4})).shape(), Shape({0, 2, 4}));
  EXPECT_TRUE(close(ops::matmul(empty({2, 0}), empty({0, 2})), {0, 0, 0, 0}, kExact));

  // No rows: the gradient of b is a sum of no terms.
  const Tensor a = empty({0, 3}), b = empty({3, 2});
  backward(ops::matmul(a, b), empty({0, 2}).detach());
  EXPECT_EQ(a.grad().shape(), Shape({0, 3}));
  EXPECT_TRUE(close(b.grad(), {0, 0, 0, 0, 0, 0}, kExact));
}

TEST_P(MatmulTest, OnlyTheGradientsAskedFor) {
  for (const bool of_a : {true, false}) {
    Tensor a = random_tensor({3, 4}, 1, -1, 1, DType::float32).to(device());
    Tensor b = random_tensor({4, 5}, 2, -1, 1, DType::float32).to(device());
    (of_a ? a : b).set_requires_grad(true);
    backward(ops::matmul(a, b), Tensor::full({3, 5}, 1, DType::float32, device()));
    EXPECT_EQ(a.grad().defined(), of_a);
    EXPECT_EQ(b.grad().defined(), !of_a);
  }
}

TEST_P(MatmulTest, SameBits) {
  for (const MatmulOptions& options : kTransposes) {
    for (const Sizes& sizes : {Sizes{0, 150, 70, 130}, Sizes{7, 20, 30, 40}})
      expect_same_bits(product(options), operands(sizes, options));
  }
}

TEST_P(MatmulTest, RefusesTwoDevices) {
  if (device() == Device::cpu) GTEST_SKIP() << "needs a second device";
  EXPECT_TRUE(fails("matmul: one operand is on the gpu, the other on the cpu", [&] {
    ops::matmul(Tensor::zeros({2, 2}, DType::float32, device()), Tensor::zeros({2, 2}));
  }));
}

TEST(MatmulGradientTest, MatchesCentralDifferences) {
  for (const MatmulOptions& options : kTransposes) {
    for (const Sizes& sizes : {Sizes{0, 3, 4, 5}, Sizes{2, 2, 3, 1}})
      EXPECT_TRUE(gradients_match(product(options), operands(sizes, options)))
          << describe(sizes, options);
  }
}

TEST(MatmulErrorTest, SaysWhatDoesNotFit) {
  const auto multiply = [](const Shape& a, const Shape& b, const MatmulOptions& options = {},
                           DType dtype_a = DType::float32, DType dtype_b = DType::float32) {
    return [=] { ops::matmul(Tensor::zeros(a, dtype_a), Tensor::zeros(b, dtype_b), options); };
  };
  EXPECT_TRUE(fails("matmul: inner extents differ: 3 from (2, 3), 4 from (4, 5)",
                    multiply({2, 3}, {4, 5})));
  EXPECT_TRUE(
      fails("matmul: inner extents differ: 2 from (2, 3) transposed, 5 from (4, 5) "
            "transposed",
            multiply({2, 3}, {4, 5}, {.transpose_a = true, .transpose_b = true})));
  EXPECT_TRUE(fails("matmul: the leading axes of (2, 3, 4) and (3, 4, 5) differ",
                    multiply({2, 3, 4}, {3, 4, 5})));
  EXPECT_TRUE(
      fails("matmul: both operands need the same number of axes, at least 2, got (3) and "
            "(3, 4)",
            multiply({3}, {3, 4})));
  EXPECT_TRUE(fails("matmul: both operands need", multiply({3}, {3})));
  EXPECT_TRUE(fails("matmul: one operand is float32, the other float64",
                    multiply({2, 2}, {2, 2}, {}, DType::float32, DType::float64)));
  EXPECT_TRUE(fails("matmul: expected a floating tensor, got int32",
                    multiply({2, 2}, {2, 2}, {}, DType::int32, DType::int32)));
}

}  // namespace
}  // namespace strata::test
