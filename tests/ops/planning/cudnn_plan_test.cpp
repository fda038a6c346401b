// Whether cuDNN has an engine for a convolution on an H100, asked without one: cuDNN plans from a
// description of the card. h100.json is that description in cuDNN's own, undocumented form; the
// test CudnnDeviceTest prints the one of a real card.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "ops/cudnn/conv2d.h"
#include "tensor/cuda/libraries.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

using cudnn::ConvPass;
using cudnn::Descriptor;
using cudnn::Plan;
using cudnn::PlanRules;
using ops::Padding;

constexpr ConvPass kPasses[] = {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight};

class CudnnPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_no_cudnn()) GTEST_SKIP() << *reason;
    if (cuda::cudnn_library().cudnnGetVersion() < 91100)
      GTEST_SKIP() << "cuDNN plans without a GPU from version 9.11 on";
    std::ifstream file("tests/ops/planning/h100.json");
    const std::string json(std::istreambuf_iterator<char>(file), {});
    ASSERT_FALSE(json.empty());
    device_.emplace(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    device_->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span(json)).finalize();
  }

  Plan plan(ConvPass pass, const Conv2dGeometry& geometry, const PlanRules& rules = {},
            int64_t alignment = 16) const {
    return cudnn::plan_conv2d(pass, geometry, alignment, {.device = &*device_}, rules);
  }

  std::optional<Descriptor> device_;
};

Conv2dGeometry geometry_of(const Shape& input, const Shape& weight,
                           const ops::Conv2dOptions& options = {}) {
  return {Tensor::empty(input), Tensor::empty(weight), options};
}

TEST_F(CudnnPlanTest, EveryConvolutionOfLenetHasAPlan) {
  for (const int64_t batch : {64, 256, 1024}) {
    const Conv2dGeometry layers[] = {geometry_of({batch, 28, 28, 1}, {24, 5, 5, 1}),
                                     geometry_of({batch, 12, 12, 24}, {32, 3, 3, 24})};
    for (const Conv2dGeometry& layer : layers) {
      for (const ConvPass pass : kPasses) {
        if (pass == ConvPass::grad_input && layer.in_channels == 1) continue;  // images need none
        for (const Precision precision : {Precision::fp32, Precision::tf32}) {
          const Plan found = plan(pass, layer, {.precision = precision});
          EXPECT_LE(found.workspace_bytes, PlanRules().workspace_limit);
          if (precision == Precision::fp32) {
            EXPECT_EQ(found.engine.find("tensor cores"), std::string::npos) << found.engine;
          }
        }
      }
    }
  }
}

TEST_F(CudnnPlanTest, Tf32TakesTensorCoresWhereChannelsFillThem) {
  const auto layer = geometry_of({64, 32, 32, 64}, {64, 3, 3, 64}, {.padding = Padding::same()});
  for (const ConvPass pass : kPasses) {
    const Plan found = plan(pass, layer, {.precision = Precision::tf32});
    EXPECT_NE(found.engine.find("tensor cores"), std::string::npos) << found.engine;
  }
}

TEST_F(CudnnPlanTest, EveryOptionHasAPlan) {
  const Padding padded = Padding::each_side(1, 2);
  const Conv2dGeometry cases[] = {
      geometry_of({2, 7, 9, 3}, {5, 3, 2, 3}, {.stride = {2, 3}}),
      geometry_of({2, 9, 9, 3}, {5, 3, 3, 3}, {.stride = {2, 2}, .padding = Padding::same()}),
      geometry_of({2, 7, 9, 3}, {5, 3, 3, 3}, {.padding = padded}),
      geometry_of({1, 4, 4, 2}, {3, 4, 4, 2}, {.padding = Padding::each_side(3, 3)}),
      geometry_of({2, 9, 11, 3}, {5, 3, 3, 3}, {.dilation = {2, 3}}),
      geometry_of({2, 7, 9, 9}, {6, 3, 3, 3}, {.groups = 3}),
      geometry_of({2, 7, 9, 6}, {12, 3, 3, 1}, {.groups = 6}),
      geometry_of({2, 9, 11, 4}, {8, 3, 3, 2},
                  {.stride = {2, 1}, .padding = padded, .dilation = {1, 2}, .groups = 2}),
      geometry_of({1, 1, 1, 1}, {1, 1, 1, 1})};
  for (const Conv2dGeometry& geometry : cases) {
    ASSERT_TRUE(cudnn::supports_conv2d(geometry));
    for (const ConvPass pass : kPasses) {
      for (const int64_t alignment : {4, 16}) EXPECT_NO_THROW(plan(pass, geometry, {}, alignment));
    }
  }
}

TEST_F(CudnnPlanTest, SaysWhatHasNoEngine) {
  const auto geometry = geometry_of({4, 8, 9, 2}, {6, 3, 3, 1}, {.groups = 2});
  EXPECT_TRUE(fails(ErrorKind::device,
                    "cuDNN: no engine for conv2d_grad_weight of 4 images, 2 to 6 channels in 2 "
                    "groups, height 8 with window 3",
                    [&] { plan(ConvPass::grad_weight, geometry, {.workspace_limit = -1}); }));
}

TEST_F(CudnnPlanTest, LeavesEmptyHugeAndUnevenlyPaddedOnesToOthers) {
  auto geometry = geometry_of({1, 8, 8, 1}, {1, 3, 3, 1});
  EXPECT_TRUE(cudnn::supports_conv2d(geometry));
  geometry.batch = int64_t{1} << 25;  // 2^31 elements of input
  EXPECT_FALSE(cudnn::supports_conv2d(geometry));
  EXPECT_FALSE(cudnn::supports_conv2d(geometry_of({0, 8, 8, 1}, {1, 3, 3, 1})));
  EXPECT_FALSE(cudnn::supports_conv2d(geometry_of({1, 8, 8, 0}, {1, 3, 3, 0})));

  const auto padded = [](const ops::Padding& padding) {
    return geometry_of({1, 8, 8, 1}, {1, 3, 3, 1}, {.padding = padding});
  };
  EXPECT_TRUE(cudnn::supports_conv2d(padded(ops::Padding::each_side(2, 1))));
  EXPECT_FALSE(cudnn::supports_conv2d(padded(ops::Padding::each_side(3, 1))));
  EXPECT_FALSE(cudnn::supports_conv2d(padded({ops::Padding::Mode::explicit_, 0, 1, 1, 1})));
}

}  // namespace
}  // namespace strata::test
