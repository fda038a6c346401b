// The comparisons that all other tests stand on must fail where they should.
#include "tests/support/compare.h"

#include <cmath>

namespace strata::test {
namespace {

Tensor vector(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

TEST(CompareTest, AcceptsWithinTheTolerance) {
  EXPECT_TRUE(close(vector({1, 100}), {1, 100}, kExact));
  EXPECT_TRUE(close(vector({1, 101}), {1, 100}, {.relative = 0.011}));
  EXPECT_TRUE(close(vector({1.5, 100}), {1, 100}, {.absolute = 0.5}));
  EXPECT_TRUE(close(vector({INFINITY, -INFINITY}), {INFINITY, -INFINITY}));
}

TEST(CompareTest, RefusesBeyondTheTolerance) {
  EXPECT_FALSE(close(vector({1, 101}), {1, 100}, kExact));
  EXPECT_FALSE(close(vector({1, 101}), {1, 100}, {.relative = 0.009}));
  EXPECT_FALSE(close(vector({1, 101}), {1, 100}, {.absolute = 0.9}));
  EXPECT_FALSE(close(vector({1}), {-1}, {.relative = 1}));
}

TEST(CompareTest, RefusesNanAndInfinity) {
  const Tolerance generous{.relative = 1e9, .absolute = 1e9};
  EXPECT_FALSE(close(vector({NAN, 1}), {1, 1}, generous));
  EXPECT_FALSE(close(vector({1, 1}), {NAN, 1}, generous));
  EXPECT_FALSE(close(vector({NAN}), {NAN}, generous));
  EXPECT_FALSE(close(vector({INFINITY}), {1}, generous));
  EXPECT_FALSE(close(vector({1}), {INFINITY}, generous));
  EXPECT_FALSE(close(vector({INFINITY}), {-INFINITY}, generous));
}

TEST(CompareTest, RefusesEmptyAndUndefined) {
  EXPECT_FALSE(close(vector({}), std::vector<double>{}));
  EXPECT_FALSE(close(vector({}), vector({})));
  EXPECT_FALSE(close(Tensor(), {1}));
  EXPECT_FALSE(close(vector({1}), Tensor()));
  EXPECT_FALSE(identical(vector({}), vector({})));
}

TEST(CompareTest, RefusesOtherShapes) {
  EXPECT_FALSE(close(vector({1, 2}), {1}));
  EXPECT_FALSE(close(Tensor::zeros({2, 3}), Tensor::zeros({3, 2})));
  EXPECT_FALSE(close(Tensor::zeros({2}), Tensor::zeros({2, 1})));
}

TEST(CompareTest, PrintsTheWorstElement) {
  const std::string message = close(vector({1, 5, 2}), {1, 2, 3}, kExact).message();
  EXPECT_NE(message.find("2 of 3 elements of shape (3) differ; worst at 1: 5, expected 2"),
            std::string::npos)
      << message;
}

TEST(CompareTest, IdenticalMeansBits) {
  EXPECT_TRUE(identical(vector({1, 2}), vector({1, 2})));
  EXPECT_FALSE(identical(vector({0.0f}), vector({-0.0f})));
  EXPECT_FALSE(identical(vector({1}), vector({std::nextafter(1.0f, 2.0f)})));
  EXPECT_FALSE(identical(vector({1}), Tensor::full({1}, 1, DType::float64)));
}

TEST(CompareTest, FailsChecksKindAndWords) {
  const auto statement = [] { fail(ErrorKind::data, "file x"); };
  EXPECT_TRUE(fails(ErrorKind::data, "file x", statement));
  EXPECT_FALSE(fails(ErrorKind::data, "file y", statement));
  EXPECT_FALSE(fails(ErrorKind::usage, "file x", statement));
  EXPECT_FALSE(fails("anything", [] {}));
  EXPECT_FALSE(fails("two", [] { fail(ErrorKind::invalid_argument, "two\nlines"); }));
}

}  // namespace
}  // namespace strata::test
