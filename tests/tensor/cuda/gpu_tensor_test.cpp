// Tensors in the GPU's memory: the memory verbs, the pool, and running out.
#include "tensor/cuda/context.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

class GpuTensorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

TEST_F(GpuTensorTest, CopiesThereAndBack) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3}, {3});
  const Tensor there = x.to(Device::gpu);
  EXPECT_EQ(there.device(), Device::gpu);
  EXPECT_TRUE(identical(there, x));
  EXPECT_TRUE(identical(there.clone().to(Device::cpu), x));
  const Tensor bytes = Tensor::from(std::vector<uint8_t>{7, 8}, {2}, Device::gpu);
  EXPECT_TRUE(close(bytes, {7, 8}, kExact));
}

TEST_F(GpuTensorTest, FillsAndAdds) {
  Tensor x = Tensor::full({1000}, 1.5, DType::float32, Device::gpu);
  Tensor part = x.view({2}, 998);
  part.fill(4);
  x.add_into(x.clone());
  std::vector<double> expected(1000, 3);
  expected[998] = expected[999] = 8;
  EXPECT_TRUE(close(x, expected, kExact));
  x.fill_zero();
  EXPECT_TRUE(close(x, std::vector<double>(1000, 0), kExact));
  EXPECT_TRUE(fails("fill on the gpu takes float32, got int32",
                    [] { Tensor::full({2}, 1, DType::int32, Device::gpu); }));
}

TEST_F(GpuTensorTest, ReusesMemory) {
  const auto step = [] { Tensor::full({12345}, 1, DType::float32, Device::gpu).clone(); };
  step();
  const size_t allocations = pool_of(Device::gpu).report().system_allocations;
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(pool_of(Device::gpu).report().system_allocations, allocations);
}

TEST_F(GpuTensorTest, OutOfMemorySaysWhoHoldsHowMuch) {
  const MemoryScope scope(MemoryUse::weights);
  const Tensor held = Tensor::zeros({1 << 20}, DType::float32, Device::gpu);
  EXPECT_TRUE(fails(ErrorKind::out_of_memory, "in use: weights ",
                    [] { Tensor::empty({int64_t{1} << 44}, DType::float32, Device::gpu); }));
  const Tensor after = Tensor::full({2}, 5, DType::float32, Device::gpu);  // the GPU still works
  EXPECT_TRUE(close(after, {5, 5}, kExact));
}

}  // namespace
}  // namespace strata::test
