// The GPU's own matrix products around every edge of their tiles, against the plain loops in
// float64. The tests of the ops themselves cover options and gradients; here are extents.
#include <gtest/gtest.h>

#include "ops/conv2d_kernels.h"
#include "ops/dense_kernels.h"
#include "ops/matmul_kernels.h"
#include "tensor/cuda/context.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

using ops::Activation;
using ops::Conv2dOptions;
using ops::MatmulOptions;

/// The same float32 values on both sides, in float64 on the CPU.
struct Operand {
  Tensor host, gpu;

  Operand(const Shape& shape, uint64_t seed)
      : gpu(random_tensor(shape, seed, -1, 1, DType::float32).to(Device::gpu)) {
    host = converted(gpu, DType::float64, Device::cpu);
  }
};

/// Results of the kernels under test start as NaN: an element that nobody writes fails.
Tensor unwritten(const Shape& shape) {
  return Tensor::full(shape, std::numeric_limits<double>::quiet_NaN(), DType::float32, Device::gpu);
}
Tensor expected(const Shape& shape) {
  return Tensor::empty(shape, DType::float64);
}

/// A sum of k products below 1 rounds k times by at most 6e-8 of what it has reached, some sqrt(k);
/// mostly in both directions. One term too few or too many is off by some 0.1.
Tolerance tolerance_of(int64_t k) {
  return {.relative = 2e-5, .absolute = 1e-6 + 5e-8 * static_cast<double>(k)};
}

class GpuProductTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

class GpuMatmulTest : public GpuProductTest {
 protected:
  /// With every pair of transposes.
  void expect_product(int64_t batch, int64_t m, int64_t n, int64_t k) {
    for (const MatmulOptions& options :
         {MatmulOptions{}, {.transpose_a = true}, {.transpose_b = true}, {true, true}}) {
      SCOPED_TRACE(fmt::format("{} times {} x {} by {} x {}, transposes {} {}", batch, m, k, k, n,
                               options.transpose_a, options.transpose_b));
      const Operand a(options.transpose_a ? Shape{batch, k, m} : Shape{batch, m, k}, 1);
      const Operand b(options.transpose_b ? Shape{batch, n, k} : Shape{batch, k, n}, 2);
      const MatmulGeometry geometry(a.gpu, b.gpu, options);
      Tensor c = unwritten({batch, m, n}), c_expected = expected({batch, m, n});
      cuda::matmul(geometry, a.gpu, b.gpu, c);
      reference::matmul(geometry, a.host, b.host, c_expected);
      EXPECT_TRUE(close(c, c_expected, tolerance_of(k)));
    }
  }
};

TEST_F(GpuMatmulTest, AroundTheSmallTile) {
  for (const int64_t m : {1, 4, 31, 32, 33, 65})
    for (const int64_t n : {1, 3, 31, 32, 33})
      for (const int64_t k : {1, 15, 16, 17, 33}) expect_product(1, m, n, k);
}

// Enough tiles, or k enough to cut, for up to 192 multiprocessors.
TEST_F(GpuMatmulTest, AroundTheTallTile) {
  expect_product(1, 49153, 24, 9);
  expect_product(1, 129, 31, 12293);
  expect_product(200, 255, 32, 17);
}

TEST_F(GpuMatmulTest, AroundTheSquareTile) {
  expect_product(1, 1281, 1283, 17);
  expect_product(1, 65, 127, 6145);
  expect_product(400, 64, 63, 16);
}

TEST_F(GpuMatmulTest, CutSumsOfABatch) {
  expect_product(5, 33, 40, 1000);
}

TEST_F(GpuMatmulTest, NoTermsGiveZeros) {
  const Tensor a = Tensor::empty({2, 0}, DType::float32, Device::gpu);
  const Tensor b = Tensor::empty({0, 3}, DType::float32, Device::gpu);
  Tensor c = unwritten({2, 3});
  cuda::matmul(MatmulGeometry(a, b, {}), a, b, c);
  EXPECT_TRUE(close(c, {0, 0, 0, 0, 0, 0}, kExact));
}

// A view that starts one float into its memory is no place for a float4.
TEST_F(GpuMatmulTest, UnalignedResult) {
  const Operand a({8, 8}, 1), b({8, 8}, 2);
  const MatmulGeometry geometry(a.gpu, b.gpu, {});
  Tensor c = unwritten({65}).view({8, 8}, 1), c_expected = expected({8, 8});
  cuda::matmul(geometry, a.gpu, b.gpu, c);
  reference::matmul(geometry, a.host, b.host, c_expected);
  EXPECT_TRUE(close(c, c_expected, tolerance_of(8)));
}

// Values that are not finite outside a product, here in the other products of the batch, stay
// there.
TEST_F(GpuMatmulTest, NothingLeaksBetweenProducts) {
  const Tensor a = Tensor::full({2, 33, 17}, 1, DType::float32, Device::gpu);
  const Tensor b = Tensor::full({2, 17, 33}, 1, DType::float32, Device::gpu);
  a.view({33, 17}, 33 * 17).fill(std::numeric_limits<double>::quiet_NaN());
  b.view({17, 33}, 17 * 33).fill(std::numeric_limits<double>::infinity());
  Tensor c = unwritten({2, 33, 33});
  cuda::matmul(MatmulGeometry(a, b, {}), a, b, c);
  EXPECT_TRUE(close(c.view({33, 33}, 0), std::vector<double>(33 * 33, 17.0), kExact));
}

using GpuDenseTest = GpuProductTest;

TEST_F(GpuDenseTest, EveryExtentAroundTheTiles) {
  struct Case {
    int64_t rows, inputs, outputs;
  };
  for (const auto& [rows, inputs, outputs] :
       {Case{1, 1, 1}, Case{256, 800, 256}, Case{256, 256, 10}, Case{33, 65, 31}, Case{700, 20, 33},
        Case{2049, 33, 10}}) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
      SCOPED_TRACE(fmt::format("{} rows, {} to {}", rows, inputs, outputs));
      const Operand x({rows, inputs}, 1), w({outputs, inputs}, 2), b({outputs}, 3);
      const Operand g({rows, outputs}, 4);
      const DenseGeometry geometry(x.gpu, w.gpu, b.gpu, activation);
      Tensor y = unwritten({rows, outputs}), y_expected = expected({rows, outputs});
      cuda::dense(geometry, x.gpu, w.gpu, b.gpu, y);
      reference::dense(geometry, x.host, w.host, b.host, y_expected);
      EXPECT_TRUE(close(y, y_expected, tolerance_of(inputs)));

      DenseGradients actual{unwritten(x.gpu.shape()), unwritten(w.gpu.shape()),
                            unwritten(b.gpu.shape())};
      DenseGradients gradients{expected(x.gpu.shape()), expected(w.gpu.shape()),
                               expected(b.gpu.shape())};
      cuda::dense_backward(geometry, x.gpu, w.gpu, y, g.gpu, actual);
      // The mask of the same outputs: rounding may put one of them on the other side of 0.
      reference::dense_backward(geometry, x.host, w.host, converted(y, DType::float64, Device::cpu),
                                g.host, gradients);
      EXPECT_TRUE(close(actual.input, gradients.input, tolerance_of(outputs)));
      EXPECT_TRUE(close(actual.weight, gradients.weight, tolerance_of(rows)));
      EXPECT_TRUE(close(actual.bias, gradients.bias, tolerance_of(rows)));
    }
  }
}

class GpuConvolutionTest : public GpuProductTest {
 protected:
  void expect_convolution(const Shape& input, const Shape& weight, const Conv2dOptions& options) {
    SCOPED_TRACE(fmt::format("{} with {}", input, weight));
    const Operand x(input, 1), w(weight, 2);
    const Conv2dGeometry geometry(x.gpu, w.gpu, options);
    const Operand g(geometry.output_shape(), 3);
    Tensor y = unwritten(geometry.output_shape()), y_expected = expected(geometry.output_shape());
    cuda::conv2d(geometry, x.gpu, w.gpu, y);
    reference::conv2d(geometry, x.host, w.host, y_expected);
    EXPECT_TRUE(close(y, y_expected, tolerance_of(w.host.size() / geometry.out_channels)));

    Tensor grad_x = unwritten(input), grad_x_expected = expected(input);
    cuda::conv2d_grad_input(geometry, g.gpu, w.gpu, grad_x);
    reference::conv2d_grad_input(geometry, g.host, w.host, grad_x_expected);
    EXPECT_TRUE(close(grad_x, grad_x_expected, tolerance_of(w.host.size())));

    Tensor grad_w = unwritten(weight), grad_w_expected = expected(weight);
    cuda::conv2d_grad_weight(geometry, x.gpu, g.gpu, grad_w);
    reference::conv2d_grad_weight(geometry, x.host, g.host, grad_w_expected);
    EXPECT_TRUE(close(grad_w, grad_w_expected, tolerance_of(g.host.size() / weight[0])));
  }
};

TEST_F(GpuConvolutionTest, AroundTheTiles) {
  for (const int64_t channels : {1, 3, 32, 33})
    for (const int64_t outputs : {1, 24, 32, 33, 65})
      expect_convolution({2, 9, 7, channels}, {outputs, 3, 3, channels}, {});
}

TEST_F(GpuConvolutionTest, StridesDilationsAndGroups) {
  for (const int64_t stride : {1, 2, 3})
    for (const int64_t dilation : {1, 2})
      for (const int64_t groups : {1, 2, 6})
        expect_convolution({3, 11, 10, 6}, {12, 3, 2, 6 / groups},
                           {.stride = {stride, 4 - stride},
                            .padding = ops::Padding::same(),
                            .dilation = {dilation, 3 - dilation},
                            .groups = groups});
}

TEST_F(GpuConvolutionTest, LenetAtFullBatch) {
  expect_convolution({256, 28, 28, 1}, {24, 5, 5, 1}, {});
  expect_convolution({256, 12, 12, 24}, {32, 3, 3, 24}, {});
}

TEST_F(GpuConvolutionTest, ManyGroups) {
  expect_convolution({1, 3, 3, 3000}, {3000, 2, 2, 1}, {.groups = 3000});
}

}  // namespace
}  // namespace strata::test
