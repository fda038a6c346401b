#include "tensor/tensor.h"

#include <bit>
#include <cmath>

#include "tests/support/compare.h"

namespace strata::test {
namespace {

TEST(TensorTest, FromAndBack) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(x.shape(), Shape({2, 3}));
  EXPECT_EQ(x.bytes(), 24u);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Tensor::full({}, 2.5).item<float>(), 2.5f);
  EXPECT_FALSE(Tensor().defined());
}

TEST(TensorTest, FillsEveryDType) {
  EXPECT_TRUE(close(Tensor::full({3}, 2.5), {2.5, 2.5, 2.5}, kExact));
  EXPECT_TRUE(close(Tensor::full({2}, 2.5, DType::float64), {2.5, 2.5}, kExact));
  EXPECT_TRUE(close(Tensor::full({2}, -7, DType::int32), {-7, -7}, kExact));
  EXPECT_TRUE(close(Tensor::full({2}, 200, DType::uint8), {200, 200}, kExact));
  EXPECT_TRUE(close(Tensor::full({3}, -2.5, DType::bfloat16), {-2.5, -2.5, -2.5}, kExact));
  Tensor x = Tensor::full({2, 2}, 1);
  x.fill_zero();
  EXPECT_TRUE(close(x, {0, 0, 0, 0}, kExact));
}

TEST(TensorTest, BFloat16HasHalfTheBytesAndKeepsEightBits) {
  const auto nearest = [](float x) { return static_cast<float>(BFloat16::nearest(x)); };
  EXPECT_EQ(Tensor::zeros({3}, DType::bfloat16).bytes(), 6u);
  EXPECT_EQ(name_of(DType::bfloat16), "bfloat16");
  for (const float exact : {0.0f, -1.0f, 255.0f, 0.0078125f, INFINITY})
    EXPECT_EQ(nearest(exact), exact);
  EXPECT_EQ(nearest(257), 256) << "a tie goes to the even one";
  EXPECT_EQ(nearest(259), 260);
  EXPECT_EQ(nearest(257.01f), 258);
  EXPECT_EQ(nearest(3.4e38f), INFINITY);
  EXPECT_TRUE(std::isnan(nearest(NAN)));
  EXPECT_TRUE(std::isnan(nearest(std::bit_cast<float>(0x7f800001u))));
}

TEST(TensorTest, HandlesShareAndClonesDoNot) {
  Tensor x = Tensor::zeros({2});
  const Tensor handle = x, copy = x.clone();
  x.fill(3);
  EXPECT_TRUE(close(handle, {3, 3}, kExact));
  EXPECT_TRUE(close(copy, {0, 0}, kExact));
  EXPECT_TRUE(handle.shares_memory_with(x));
  EXPECT_FALSE(copy.shares_memory_with(x));
  EXPECT_TRUE(x.to(Device::cpu).shares_memory_with(x));
}

TEST(TensorTest, Views) {
  Tensor x = Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5}, {2, 3});
  Tensor row = x.view({3}, 3);
  EXPECT_TRUE(close(row, {3, 4, 5}, kExact));
  EXPECT_TRUE(close(row.view({2}, 1), {4, 5}, kExact));
  row.fill(9);
  EXPECT_TRUE(close(x.view({6}), {0, 1, 2, 9, 9, 9}, kExact));
  EXPECT_TRUE(fails("a view cannot turn shape (2, 3) into (4)", [&] { x.view({4}); }));
  EXPECT_TRUE(fails("leaves its tensor of 6 elements", [&] { x.view({3}, 4); }));
  EXPECT_TRUE(fails("leaves its tensor of 6 elements", [&] { x.view({3}, -1); }));
}

TEST(TensorTest, ViewKeepsMemoryAlive) {
  Tensor view;
  {
    const Tensor x = Tensor::full({4}, 5);
    view = x.view({2}, 2);
  }
  const Tensor other = Tensor::full({4}, 6);
  EXPECT_TRUE(close(view, {5, 5}, kExact));
}

TEST(TensorTest, CopyAndAdd) {
  Tensor x = Tensor::full({2}, 1);
  x.copy_from(Tensor::from(std::vector<float>{3, 4}, {2}));
  x.add_into(x.clone());
  EXPECT_TRUE(close(x, {6, 8}, kExact));
  EXPECT_TRUE(
      fails("cannot copy float32 (3) into float32 (2)", [&] { x.copy_from(Tensor::zeros({3})); }));
  EXPECT_TRUE(fails("cannot copy int32 (2) into float32 (2)",
                    [&] { x.copy_from(Tensor::zeros({2}, DType::int32)); }));
  EXPECT_TRUE(fails("cannot add float32 (1, 2) on cpu into float32 (2) on cpu", [&] {
    x.add_into(Tensor::zeros({1, 2}));
  }));
}

TEST(TensorTest, Errors) {
  const Tensor x = Tensor::zeros({2});
  EXPECT_TRUE(fails("a float32 tensor was read as float64", [&] { x.data<double>(); }));
  EXPECT_TRUE(fails("a float32 tensor was read as int32", [&] { x.to_vector<int32_t>(); }));
  EXPECT_TRUE(fails("item() needs a tensor of one element, got (2)", [&] { x.item<float>(); }));
  EXPECT_TRUE(
      fails("1 values cannot fill a tensor (2)", [] { Tensor::from(std::vector<float>{1}, {2}); }));
  EXPECT_TRUE(fails("a int32 tensor has no gradient",
                    [] { Tensor::zeros({2}, DType::int32).set_requires_grad(true); }));
  EXPECT_TRUE(fails("float64 lives on the cpu only",
                    [] { Tensor::empty({2}, DType::float64, Device::gpu); }));
}

}  // namespace
}  // namespace strata::test
