#include "tensor/shape.h"

#include "tests/support/compare.h"

namespace strata::test {
namespace {

TEST(ShapeTest, ExtentsAndSize) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.size(), 24);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape.product(1, 3), 12);
  EXPECT_EQ(shape.product(1, 1), 1);
  EXPECT_EQ(shape.normalise(-3), 0);
  EXPECT_EQ(shape.to_string(), "(2, 3, 4)");
}

TEST(ShapeTest, ScalarAndEmpty) {
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().size(), 1);
  EXPECT_EQ(Shape().to_string(), "()");
  EXPECT_EQ(Shape({3, 0}).size(), 0);
}

TEST(ShapeTest, Equality) {
  EXPECT_EQ(Shape({2, 3}), Shape({2, 3}));
  EXPECT_FALSE(Shape({2, 3}) == Shape({3, 2}));
  EXPECT_FALSE(Shape({2}) == Shape({2, 1}));
  EXPECT_FALSE(Shape() == Shape({1}));
}

TEST(ShapeTest, Errors) {
  EXPECT_TRUE(fails("axis 1 of a shape has the negative extent -1", [] { Shape({2, -1}); }));
  EXPECT_TRUE(fails("at most 6 axes, got 7", [] { Shape({1, 1, 1, 1, 1, 1, 1}); }));
  const int64_t large = int64_t{1} << 24;
  EXPECT_TRUE(fails("over 2^48 elements", [=] { Shape({large, large}); }));
  EXPECT_TRUE(fails("over 2^48 elements", [] { Shape({INT64_MAX, INT64_MAX}); }));
  EXPECT_EQ(Shape({large, large - 1}).size(), large * (large - 1));
  EXPECT_TRUE(fails("axis 2 is out of range for shape (2, 3)", [] { Shape({2, 3})[2]; }));
  EXPECT_TRUE(fails("axis -3 is out of range", [] { Shape({2, 3}).normalise(-3); }));
}

}  // namespace
}  // namespace strata::test
