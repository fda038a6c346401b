// The ops that store activations as bfloat16, against the float32 reference on whole numbers: these
// and their products are exact in bfloat16, TF32 and float32, so that every result must be the
// reference's, or where it is stored as bfloat16, the nearest to it.
#include <cmath>
#include <functional>

#include "ops/conv2d_relu_max_pool.h"
#include "ops/cpu/instructions.h"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/reshape.h"
#include "ops/settings.h"
#include "ops/softmax_cross_entropy.h"
#include "tensor/autograd.h"
#include "tests/support/compare.h"
#include "tests/support/rungs.h"
#include "tests/support/threads.h"

namespace strata::test {
namespace {

using ops::Activation;
using ops::Conv2dOptions;
using ops::Padding;

class BFloat16Test : public RungTest {
 protected:
  void SetUp() override {
    RungTest::SetUp();
    if (IsSkipped()) return;
    if (GetParam().kernels != Kernels::own) GTEST_SKIP() << "only our own kernels store bfloat16";
    if (device() == Device::cpu && instructions() < Instructions::avx512_bf16)
      GTEST_SKIP() << "kernels for bfloat16 need a processor with AVX-512 BF16";
  }
};
STRATA_ON_EVERY_RUNG(BFloat16Test);

/// From -8 to 8.
Tensor integers(const Shape& shape, uint64_t seed) {
  std::vector<double> values = values_of(random_tensor(shape, seed, -8, 8));
  for (double& value : values) value = std::round(value);
  return converted(Tensor::from(values, shape), DType::float32, Device::cpu);
}

/// The nearest bfloat16 of each element, as float32.
Tensor rounded(const Tensor& tensor) {
  return converted(converted(tensor, DType::bfloat16, Device::cpu), DType::float32, Device::cpu);
}

struct Layer {
  Shape input, weight;
  DType input_dtype;   // under Precision::bf16
  DType output_dtype;  // likewise
  bool input_is_data = false;
  std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)> run = {};
};

struct Results {
  Tensor output, grad_input, grad_weight, grad_bias;
};

Results results_of(const Layer& layer, Device device) {
  const bool small = settings().precision == Precision::bf16;
  const DType in = small ? layer.input_dtype : DType::float32;
  Tensor x = converted(integers(layer.input, 1), in, device);
  Tensor w = integers(layer.weight, 2).to(device), b = integers({layer.weight[0]}, 3).to(device);
  x.set_requires_grad(!layer.input_is_data);
  for (Tensor* leaf : {&w, &b}) leaf->set_requires_grad(true);
  const Tensor y = layer.run(x, w, b);
  backward(y, converted(integers(y.shape(), 4), y.dtype(), device));
  return {y.detach(), x.grad(), w.grad(), b.grad()};
}

void expect_exact(const Layer& layer, Device device) {
  Results expected, actual;
  {
    const SettingsScope scope({.kernels = Kernels::reference});
    expected = results_of(layer, Device::cpu);
  }
  {
    const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
    actual = results_of(layer, device);
  }
  const auto stored = [](const Tensor& tensor, DType dtype) {
    return dtype == DType::bfloat16 ? rounded(tensor) : tensor;
  };
  EXPECT_EQ(actual.output.dtype(), layer.output_dtype);
  EXPECT_TRUE(close(actual.output, stored(expected.output, layer.output_dtype), kExact));
  EXPECT_EQ(actual.grad_weight.dtype(), DType::float32);
  EXPECT_TRUE(close(actual.grad_weight, expected.grad_weight, kExact)) << "gradient of w";
  EXPECT_TRUE(close(actual.grad_bias, expected.grad_bias, kExact)) << "gradient of b";
  if (layer.input_is_data) return;
  EXPECT_EQ(actual.grad_input.dtype(), layer.input_dtype);
  EXPECT_TRUE(close(actual.grad_input, stored(expected.grad_input, layer.input_dtype), kExact))
      << "gradient of x";
}

Layer stage(const Shape& input, const Shape& weight, const Conv2dOptions& options = {}) {
  const bool image = input[3] <= 3;
  return {.input = input,
          .weight = weight,
          .input_dtype = image ? DType::float32 : DType::bfloat16,
          .output_dtype = DType::bfloat16,
          .input_is_data = image,
          .run = [options](const Tensor& x, const Tensor& w, const Tensor& b) {
            return ops::conv2d_relu_max_pool(x, w, b, options);
          }};
}

TEST_P(BFloat16Test, StagesOfAnImage) {
  const Conv2dOptions same{.padding = Padding::same()};
  for (const Layer& layer :
       {stage({5, 28, 28, 1}, {24, 5, 5, 1}), stage({131, 8, 8, 1}, {24, 5, 5, 1}),
        stage({2, 12, 14, 1}, {40, 5, 5, 1}), stage({3, 10, 8, 1}, {8, 3, 3, 1}),
        stage({2, 12, 14, 3}, {16, 5, 5, 3}), stage({2, 32, 32, 3}, {32, 3, 3, 3}, same),
        stage({3, 11, 13, 3}, {48, 3, 3, 3})}) {
    SCOPED_TRACE(layer.input.to_string() + " by " + layer.weight.to_string());
    expect_exact(layer, device());
    if (HasFailure()) return;
  }
}

TEST_P(BFloat16Test, StagesOfManyChannels) {
  const Conv2dOptions same{.padding = Padding::same()};
  for (const Layer& layer :
       {stage({5, 12, 12, 24}, {32, 3, 3, 24}), stage({131, 6, 6, 8}, {16, 3, 3, 8}),
        stage({3, 7, 9, 8}, {8, 3, 3, 8}), stage({2, 8, 8, 32}, {64, 3, 3, 32}, same),
        stage({3, 9, 12, 16}, {24, 3, 3, 16}), stage({2, 6, 6, 40}, {16, 3, 3, 40})}) {
    SCOPED_TRACE(layer.input.to_string() + " by " + layer.weight.to_string());
    expect_exact(layer, device());
    if (HasFailure()) return;
  }
}

TEST_P(BFloat16Test, DilatedStages) {
  if (device() == Device::gpu) GTEST_SKIP() << "the GPU's kernels for bfloat16 take no dilation";
  const Conv2dOptions dilated{.dilation = {2, 2}};
  for (const Layer& layer : {stage({2, 14, 13, 1}, {8, 3, 3, 1}, dilated),
                             stage({2, 12, 12, 8}, {16, 3, 3, 8}, dilated)}) {
    SCOPED_TRACE(layer.input.to_string() + " by " + layer.weight.to_string());
    expect_exact(layer, device());
  }
}

struct Sizes {
  int64_t rows, inputs, outputs;
};

Layer dense(const Sizes& s, DType input_dtype, Activation activation) {
  const bool relu = activation == Activation::relu;
  return {.input = {s.rows, s.inputs},
          .weight = {s.outputs, s.inputs},
          .input_dtype = input_dtype,
          .output_dtype = relu ? DType::bfloat16 : DType::float32,
          .run = [activation](const Tensor& x, const Tensor& w, const Tensor& b) {
            return ops::dense(x, w, b, activation);
          }};
}

// Sizes around those of tiles; rows of an odd length, which no vector fits; few outputs.
TEST_P(BFloat16Test, Dense) {
  for (const Sizes& s :
       {Sizes{1, 1, 1}, Sizes{5, 800, 256}, Sizes{64, 784, 512}, Sizes{37, 33, 17},
        Sizes{130, 66, 35}, Sizes{37, 40, 33}, Sizes{9, 256, 10}, Sizes{37, 255, 10},
        Sizes{700, 64, 10}, Sizes{3, 5, 7}, Sizes{2048, 256, 256}}) {
    SCOPED_TRACE(fmt::format("{} rows, {} to {}", s.rows, s.inputs, s.outputs));
    expect_exact(dense(s, DType::bfloat16, Activation::relu), device());
    expect_exact(dense(s, DType::bfloat16, Activation::none), device());
    expect_exact(dense(s, DType::float32, Activation::relu), device());
    if (HasFailure()) return;
  }
}

// Probabilities are no whole numbers: the gradients are those of the ops that one kernel stands
// for, up to float32's rounding, and up to TF32's or bfloat16's where that moves a number across a
// boundary of theirs.
TEST_P(BFloat16Test, TheLossOfADenseLayer) {
  const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
  for (const Sizes& s : {Sizes{5, 4, 2}, Sizes{192, 256, 10}, Sizes{37, 132, 16}, Sizes{9, 40, 17},
                         Sizes{5000, 64, 10}}) {
    for (const double upstream : {1.0, -3.0}) {
      SCOPED_TRACE(fmt::format("{} rows, {} to {}, {}", s.rows, s.inputs, s.outputs, upstream));
      const Tensor values = random_tensor({s.rows, s.inputs}, 1);
      const Tensor weights = random_tensor({s.outputs, s.inputs}, 2, -0.2, 0.2);
      const Tensor labels = Tensor::zeros({s.rows}, DType::int32, device());
      const Tensor g =
          upstream == 1 ? Tensor() : Tensor::full({}, upstream, DType::float32, device());
      std::array<Tensor, 2> x, w, b, loss;
      for (const int fused : {0, 1}) {
        x[fused] = converted(values, DType::bfloat16, device()).set_requires_grad(true);
        w[fused] = converted(weights, DType::float32, device()).set_requires_grad(true);
        b[fused] = Tensor::zeros({s.outputs}, DType::float32, device()).set_requires_grad(true);
        loss[fused] = fused == 1 ? ops::dense_softmax_cross_entropy(x[1], w[1], b[1], labels).loss
                                 : ops::softmax_cross_entropy(ops::dense(x[0], w[0], b[0]), labels);
        backward(loss[fused], g);
      }
      EXPECT_TRUE(close(loss[1], loss[0]));
      EXPECT_TRUE(close(w[1].grad(), w[0].grad(), {.relative = 1e-3, .absolute = 5e-4}));
      EXPECT_TRUE(close(b[1].grad(), b[0].grad(), {.relative = 1e-3, .absolute = 5e-4}));
      EXPECT_EQ(x[1].grad().dtype(), DType::bfloat16);
      EXPECT_TRUE(close(x[1].grad(), x[0].grad(), {.relative = 1e-2, .absolute = 1e-6}));
      if (HasFailure()) return;
    }
  }
  const SettingsScope other({.kernels = Kernels::own, .precision = Precision::tf32});
  EXPECT_TRUE(fails(": a bfloat16 input needs the precision bf16", [&] {
    ops::dense_softmax_cross_entropy(Tensor::zeros({2, 4}, DType::bfloat16, device()),
                                     Tensor::zeros({3, 4}, DType::float32, device()), Tensor(),
                                     Tensor::zeros({2}, DType::int32, device()));
  }));
}

TEST_P(BFloat16Test, AFrozenWeightLeavesTheGradientOfTheBias) {
  const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
  const Tensor x = converted(integers({40, 24}, 1), DType::bfloat16, device());
  const Tensor w = integers({32, 24}, 2).to(device());
  Tensor b = Tensor::full({32}, 1e6, DType::float32, device());  // opens every ReLU
  b.set_requires_grad(true);
  const Tensor y = ops::dense(x, w, b, Activation::relu);
  Tensor ones = converted(Tensor::full({40, 32}, 1), DType::bfloat16, device());
  backward(y, ones);
  EXPECT_TRUE(close(b.grad(), Tensor::full({32}, 40), kExact));
}

TEST_P(BFloat16Test, SameBitsOnSeveralThreads) {
  const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
  for (const Layer& layer :
       {stage({64, 28, 28, 1}, {24, 5, 5, 1}), stage({64, 12, 12, 24}, {32, 3, 3, 24}),
        dense({256, 512, 300}, DType::bfloat16, Activation::relu),
        dense({256, 512, 300}, DType::float32, Activation::none)}) {
    SCOPED_TRACE(layer.input.to_string() + " by " + layer.weight.to_string());
    if (device() == Device::cpu) {
      EXPECT_TRUE(runs_on_several_threads([&] { results_of(layer, device()); }));
    }
    Results expected;
    for (const int threads : {1, 2, 3}) {
      const ThreadCountScope count(threads);
      const Results actual = results_of(layer, device());
      if (threads == 1) expected = actual;
      EXPECT_TRUE(identical(actual.output, expected.output)) << threads << " threads";
      EXPECT_TRUE(identical(actual.grad_weight, expected.grad_weight)) << threads << " threads";
      EXPECT_TRUE(identical(actual.grad_bias, expected.grad_bias)) << threads << " threads";
      if (!layer.input_is_data) {
        EXPECT_TRUE(identical(actual.grad_input, expected.grad_input)) << threads << " threads";
      }
    }
  }
}

// Through every kernel that stores bfloat16.
TEST_P(BFloat16Test, NaNReachesTheOutput) {
  const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
  const Tensor image = Tensor::full({2, 28, 28, 1}, NAN, DType::float32, device());
  const auto ones = [&](const Shape& shape) {
    return Tensor::full(shape, 1, DType::float32, device());
  };
  const Tensor first = ops::conv2d_relu_max_pool(image, ones({24, 5, 5, 1}), Tensor());
  const Tensor second = ops::conv2d_relu_max_pool(first, ones({32, 3, 3, 24}), Tensor());
  const Tensor flat = ops::reshape(second, {2, 800});
  const Tensor third = ops::dense(flat, ones({32, 800}), Tensor(), Activation::relu);
  for (const Tensor& tensor : {first, second, third})
    for (const double value : values_of(tensor)) ASSERT_TRUE(std::isnan(value));
}

TEST_P(BFloat16Test, SaysWhatItHasNoKernelFor) {
  const SettingsScope scope({.kernels = Kernels::own, .precision = Precision::bf16});
  const auto on_device = [&](const Shape& shape, DType dtype = DType::float32) {
    return Tensor::zeros(shape, dtype, device());
  };
  EXPECT_TRUE(fails("no kernel stores the output in bfloat16 for float32 (1, 8, 8, 2)", [&] {
    ops::conv2d_relu_max_pool(on_device({1, 8, 8, 2}), on_device({8, 3, 3, 1}), Tensor(),
                              {.groups = 2});
  }));
  EXPECT_TRUE(fails("conv2d: expected float32, got bfloat16", [&] {
    ops::conv2d(on_device({1, 8, 8, 8}, DType::bfloat16), on_device({8, 3, 3, 8}));
  }));
  const SettingsScope library({.kernels = Kernels::library, .precision = Precision::bf16});
  EXPECT_TRUE(fails("dense: activations in bfloat16 need this project's own kernels", [&] {
    ops::dense(on_device({2, 8}), on_device({4, 8}), Tensor(), Activation::relu);
  }));
}

}  // namespace
}  // namespace strata::test
