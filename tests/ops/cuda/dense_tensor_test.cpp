// The dense layer's own kernels on the GPU, on tensor cores and for few outputs, against the plain
// loops in float64.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "ops/dense_kernels.h"
#include "ops/settings.h"
#include "tensor/cuda/context.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

using ops::Activation;

struct Sizes {
  int64_t rows, inputs, outputs;
};

/// The same values on both sides, float32 on the GPU and float64 on the CPU. `offset` floats stand
/// before the GPU's, so that vectors are not aligned.
struct Operand {
  Tensor host, gpu;

  Operand(const Shape& shape, uint64_t seed, bool exact, int64_t offset) {
    Tensor values = random_tensor({shape.size() + offset}, seed, -1, 1, DType::float32);
    // Multiples of 1/64 up to 1/8: TF32 holds them, and float32 every sum of their products here.
    if (exact)
      for (int64_t i = 0; i < values.size(); ++i)
        values.data<float>()[i] = std::round(values.data<float>()[i] * 8) / 64;
    gpu = values.to(Device::gpu).view(shape, offset);
    host = converted(values.view(shape, offset), DType::float64, Device::cpu);
  }

  Tensor magnitudes() const {
    const Tensor result = host.clone();
    for (int64_t i = 0; i < result.size(); ++i)
      result.data<double>()[i] = std::abs(result.data<double>()[i]);
    return result;
  }
};

struct Options {
  Precision precision = Precision::tf32;
  bool exact = true;
  bool has_bias = true;
  Activation activation = Activation::relu;
  int64_t offset = 0;
};

/// Results of the kernels under test start as NaN: an element that nobody writes fails.
Tensor unwritten(const Shape& shape, int64_t offset) {
  return Tensor::full({shape.size() + offset}, std::nan(""), DType::float32, Device::gpu)
      .view(shape, offset);
}

/// Output and gradients of one layer, by the GPU and by the reference, and the reference's sums of
/// magnitudes of products, of which errors of rounding are a share.
struct Layer {
  Options options;
  Operand x, w, b, g;
  DenseGeometry geometry;
  Tensor output;
  DenseGradients gradients;

  Layer(const Sizes& s, const Options& o)
      : options(o),
        x({s.rows, s.inputs}, 1, o.exact, o.offset),
        w({s.outputs, s.inputs}, 2, o.exact, o.offset),
        b({s.outputs}, 3, o.exact, o.offset),
        g({s.rows, s.outputs}, 4, o.exact, o.offset),
        geometry(x.gpu, w.gpu, o.has_bias ? b.gpu : Tensor(), o.activation) {
    run();
  }

  void run() {
    const SettingsScope scope({.precision = options.precision});
    const int64_t offset = options.offset;
    output = unwritten({geometry.rows, geometry.outputs}, offset);
    gradients = {unwritten(x.gpu.shape(), offset), unwritten(w.gpu.shape(), offset),
                 options.has_bias ? unwritten(b.gpu.shape(), offset) : Tensor()};
    const Tensor bias = options.has_bias ? b.gpu : Tensor();
    cuda::dense(geometry, x.gpu, w.gpu, bias, output);
    cuda::dense_backward(geometry, x.gpu, w.gpu, output, g.gpu, gradients);
  }

  struct Reference {
    Tensor output;
    DenseGradients gradients;
  };

  /// The mask is that of the GPU's outputs: rounding may put one of them on the other side of 0.
  Reference reference(const Tensor& x_host, const Tensor& w_host, const Tensor& b_host,
                      const Tensor& g_host) const {
    const auto empty = [](const Shape& shape) { return Tensor::empty(shape, DType::float64); };
    Reference result{empty(output.shape()),
                     {empty(x_host.shape()), empty(w_host.shape()),
                      options.has_bias ? empty(b_host.shape()) : Tensor()}};
    const Tensor bias = options.has_bias ? b_host : Tensor();
    reference::dense(geometry, x_host, w_host, bias, result.output);
    reference::dense_backward(geometry, x_host, w_host,
                              converted(output, DType::float64, Device::cpu), g_host,
                              result.gradients);
    return result;
  }
  Reference expected() const { return reference(x.host, w.host, b.host, g.host); }
  Reference magnitudes() const {
    return reference(x.magnitudes(), w.magnitudes(), b.magnitudes(), g.magnitudes());
  }
};

void expect_exact(const Layer& layer) {
  const Layer::Reference expected = layer.expected();
  EXPECT_TRUE(close(layer.output, expected.output, kExact));
  EXPECT_TRUE(close(layer.gradients.input, expected.gradients.input, kExact));
  EXPECT_TRUE(close(layer.gradients.weight, expected.gradients.weight, kExact));
  if (layer.options.has_bias) {
    EXPECT_TRUE(close(layer.gradients.bias, expected.gradients.bias, kExact));
  }
}

/// |actual - expected| <= share * magnitude, element by element.
testing::AssertionResult within(const Tensor& actual, const Tensor& expected,
                                const Tensor& magnitude, double share) {
  const std::vector<double> a = values_of(actual), e = values_of(expected);
  const std::vector<double> m = values_of(magnitude);
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - e[i]) <= share * m[i]))
      return testing::AssertionFailure() << "element " << i << " is " << a[i] << ", expected "
                                         << e[i] << " within " << share * m[i];
  return testing::AssertionSuccess();
}

/// Rounding a factor to TF32 changes it by at most 2^-11 of itself, so a product of two by at most
/// 2^-10 + 2^-22 of its magnitude. A float32 sum of k terms in any order adds less than 2 k 2^-23
/// of the sum of magnitudes (2, as tensor cores may cut off what they add). The gradient of the
/// bias is a plain sum. ReLU makes no difference larger.
void expect_within_tf32(const Layer& layer) {
  const Layer::Reference expected = layer.expected(), magnitude = layer.magnitudes();
  const auto sum = [](int64_t k) { return static_cast<double>(k + 1) * std::ldexp(1, -22); };
  const double product = std::ldexp(1, -10) + std::ldexp(1, -22);
  const auto& [rows, inputs, outputs, has_bias, activation] = layer.geometry;
  EXPECT_TRUE(within(layer.output, expected.output, magnitude.output, product + sum(inputs)));
  EXPECT_TRUE(within(layer.gradients.input, expected.gradients.input, magnitude.gradients.input,
                     product + sum(outputs)));
  EXPECT_TRUE(within(layer.gradients.weight, expected.gradients.weight, magnitude.gradients.weight,
                     product + sum(rows)));
  if (has_bias) {
    EXPECT_TRUE(
        within(layer.gradients.bias, expected.gradients.bias, magnitude.gradients.bias, sum(rows)));
  }
}

class GpuDenseTensorTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

using GpuNarrowDenseTest = GpuDenseTensorTest;

TEST_F(GpuDenseTensorTest, ExactWhereTf32Is) {
  for (const int64_t rows : {1, 33, 64, 257})
    for (const int64_t inputs : {1, 7, 32, 260, 513, 800})
      for (const int64_t outputs : {1, 17, 64, 256, 257}) {
        SCOPED_TRACE(fmt::format("{} rows, {} to {}", rows, inputs, outputs));
        expect_exact(Layer({rows, inputs, outputs}, {}));
      }
}

TEST_F(GpuDenseTensorTest, EveryOption) {
  for (const Sizes& sizes : {Sizes{70, 100, 40}, {70, 101, 41}, {300, 784, 256}})
    for (const bool has_bias : {true, false})
      for (const Activation activation : {Activation::none, Activation::relu})
        for (const int64_t offset : {0, 1, 2}) {  // 1, 2: rows of a multiple of 4, not aligned
          SCOPED_TRACE(fmt::format("{} rows, {} to {}, bias {}, offset {}", sizes.rows,
                                   sizes.inputs, sizes.outputs, has_bias, offset));
          expect_exact(
              Layer(sizes, {.has_bias = has_bias, .activation = activation, .offset = offset}));
        }
}

// The large tile, whole and with its edges, in all three products.
TEST_F(GpuDenseTensorTest, LargeBatches) {
  expect_exact(Layer({8192, 256, 256}, {}));
  expect_exact(Layer({4001, 259, 250}, {}));
  expect_exact(Layer({4001, 259, 250}, {.activation = Activation::none}));
}

TEST_F(GpuDenseTensorTest, RoundsToTf32AndNoFurther) {
  for (const Sizes& sizes : {Sizes{64, 800, 256}, {256, 800, 256}, {1000, 333, 70}}) {
    SCOPED_TRACE(sizes.rows);
    expect_within_tf32(Layer(sizes, {.exact = false}));
    expect_within_tf32(Layer(sizes, {.exact = false, .activation = Activation::none}));
  }
}

TEST_F(GpuDenseTensorTest, SameBits) {
  for (const Sizes& sizes : {Sizes{64, 800, 256}, {256, 256, 10}, {2000, 300, 256}}) {
    const Layer first(sizes, {.exact = false}), second(sizes, {.exact = false});
    EXPECT_TRUE(identical(first.output, second.output));
    EXPECT_TRUE(identical(first.gradients.input, second.gradients.input));
    EXPECT_TRUE(identical(first.gradients.weight, second.gradients.weight));
    EXPECT_TRUE(identical(first.gradients.bias, second.gradients.bias));
  }
}

TEST_F(GpuDenseTensorTest, OnlyTheGradientsAskedFor) {
  const Layer all({40, 50, 30}, {.exact = false});
  const SettingsScope scope({.precision = Precision::tf32});
  for (int asked = 0; asked < 3; ++asked) {
    SCOPED_TRACE(asked);
    DenseGradients some;
    Tensor* const members[] = {&some.input, &some.weight, &some.bias};
    const Tensor* const expected[] = {&all.gradients.input, &all.gradients.weight,
                                      &all.gradients.bias};
    *members[asked] = unwritten(expected[asked]->shape(), 0);
    cuda::dense_backward(all.geometry, all.x.gpu, all.w.gpu, all.output, all.g.gpu, some);
    EXPECT_TRUE(close(*members[asked], *expected[asked]));
  }
}

TEST_F(GpuDenseTensorTest, NoRowsAndNoInputs) {
  const Layer no_rows({0, 40, 20}, {});
  EXPECT_TRUE(close(no_rows.gradients.weight, Tensor::zeros({20, 40}), kExact));
  EXPECT_TRUE(close(no_rows.gradients.bias, Tensor::zeros({20}), kExact));

  const Layer no_inputs({40, 0, 20}, {.activation = Activation::none});
  const Layer::Reference expected = no_inputs.expected();
  EXPECT_TRUE(close(no_inputs.output, expected.output, kExact));
  EXPECT_TRUE(close(no_inputs.gradients.bias, expected.gradients.bias, kExact));
}

// NaN comes through the product and ReLU; where ReLU put it out, no gradient flows.
TEST_F(GpuDenseTensorTest, KeepsNan) {
  for (const int64_t outputs : {10, 40}) {
    const SettingsScope scope({.precision = Precision::tf32});
    const Tensor x = Tensor::full({33, 40}, std::nan(""), DType::float32, Device::gpu);
    const Tensor w = Tensor::full({outputs, 40}, 1, DType::float32, Device::gpu);
    const DenseGeometry geometry(x, w, Tensor(), Activation::relu);
    Tensor y = Tensor::zeros({33, outputs}, DType::float32, Device::gpu);
    cuda::dense(geometry, x, w, Tensor(), y);
    for (const float value : y.to_vector<float>()) ASSERT_TRUE(std::isnan(value));
    DenseGradients gradients{unwritten({33, 40}, 0), Tensor(), Tensor()};
    const Tensor g = Tensor::full({33, outputs}, 1, DType::float32, Device::gpu);
    cuda::dense_backward(geometry, x, w, y, g, gradients);
    EXPECT_TRUE(close(gradients.input, Tensor::zeros({33, 40}), kExact));
  }
}

// Float32 in both precisions; the gradient of the weight is a product like any other.
TEST_F(GpuNarrowDenseTest, EveryNumberOfOutputs) {
  for (const Precision precision : {Precision::fp32, Precision::tf32})
    for (int64_t outputs = 1; outputs <= 17; ++outputs)
      for (const int64_t inputs : {1, 31, 128, 130, 256, 260}) {
        SCOPED_TRACE(fmt::format("{} to {}, {}", inputs, outputs, name_of(precision)));
        expect_exact(Layer({37, inputs, outputs}, {.precision = precision}));
      }
}

TEST_F(GpuNarrowDenseTest, ManyRows) {
  for (const Precision precision : {Precision::fp32, Precision::tf32})
    for (const int64_t inputs : {256, 257})
      for (const int64_t offset : {0, 1})
        for (const Activation activation : {Activation::none, Activation::relu}) {
          SCOPED_TRACE(fmt::format("{} to 10, offset {}", inputs, offset));
          expect_exact(Layer({8191, inputs, 10},
                             {.precision = precision, .activation = activation, .offset = offset}));
        }
}

TEST_F(GpuNarrowDenseTest, StaysInFloat32) {
  const Layer layer({256, 256, 10}, {.exact = false});
  const Layer::Reference expected = layer.expected();
  EXPECT_TRUE(close(layer.output, expected.output));
  EXPECT_TRUE(close(layer.gradients.input, expected.gradients.input));
}

}  // namespace
}  // namespace strata::test
