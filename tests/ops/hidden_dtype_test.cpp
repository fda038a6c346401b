// What ops say to bfloat16 where they have no kernels for it; tests/ops/bfloat16_test.cpp has the
// rest.
#include "ops/conv2d_relu_max_pool.h"
#include "ops/dense.h"
#include "ops/dispatch.h"
#include "ops/unary.h"
#include "tests/support/compare.h"
#include "tests/support/instructions.h"

namespace strata::test {
namespace {

TEST(HiddenDTypeTest, IsTheInputsUnlessThePrecisionAsksForLess) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    const SettingsScope scope({.precision = precision});
    EXPECT_EQ(hidden_dtype("x", Tensor::zeros({1})), DType::float32);
    EXPECT_EQ(hidden_dtype("x", Tensor::zeros({1}, DType::float64)), DType::float64);
  }
}

TEST(HiddenDTypeTest, NeedsAProcessorWithProductsOfBFloat16) {
  const SettingsScope scope({.precision = Precision::bf16});
  const InstructionsScope instructions(Instructions::baseline);
  const Tensor x = Tensor::zeros({2, 8}), image = Tensor::zeros({1, 8, 8, 1});
  const char* const words = "need a processor with AVX-512 BF16; here kernels use baseline";
  EXPECT_TRUE(fails(ErrorKind::device, words, [&] {
    ops::dense(x, Tensor::zeros({4, 8}), Tensor());
  }));
  EXPECT_TRUE(fails(ErrorKind::device, words, [&] {
    ops::conv2d_relu_max_pool(image, Tensor::zeros({8, 3, 3, 1}), Tensor());
  }));
}

TEST(HiddenDTypeTest, NeedsOurOwnKernels) {
  const SettingsScope scope({.kernels = Kernels::reference, .precision = Precision::bf16});
  EXPECT_TRUE(fails("dense: activations in bfloat16 need this project's own kernels", [&] {
    ops::dense(Tensor::zeros({2, 8}), Tensor::zeros({4, 8}), Tensor());
  }));
}

TEST(HiddenDTypeTest, OtherOpsNameWhatTheyExpected) {
  const Tensor x = Tensor::zeros({1, 8, 8, 8}, DType::bfloat16);
  EXPECT_TRUE(fails("relu: expected float32, got bfloat16", [&] { ops::relu(x); }));
  EXPECT_TRUE(fails("conv2d: expected float32, got bfloat16", [&] {
    ops::conv2d(x, Tensor::zeros({8, 3, 3, 8}));
  }));
  EXPECT_TRUE(fails("dense: input is bfloat16, but weight is bfloat16", [&] {
    ops::dense(x.view({8, 64}), Tensor::zeros({4, 64}, DType::bfloat16), Tensor());
  }));
}

}  // namespace
}  // namespace strata::test
