// Whether cuDNN has an engine for a convolution on an H100, asked without one: cuDNN plans from a
// description of the card. h100.json is that description in cuDNN's own, undocumented form; the
// test CudnnDeviceTest prints the one of a real card.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "ops/cudnn/conv2d.h"
#include "ops/cudnn/engines.h"
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
    return cudnn::find_plan(cudnn::words_for_conv2d(pass, geometry, alignment),
                            cudnn::describe_conv2d(pass, geometry, alignment), target(), rules);
  }
  cudnn::PlanTarget target() const { return {.device = &*device_}; }

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

TEST_F(CudnnPlanTest, OffersSeveralToMeasureTheDefaultFirst) {
  const auto layer = geometry_of({256, 12, 12, 24}, {32, 3, 3, 24});
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    for (const ConvPass pass : kPasses) {
      const PlanRules rules{.precision = precision};
      const auto plans =
          cudnn::find_plans(cudnn::words_for_conv2d(pass, layer, 16),
                            cudnn::describe_conv2d(pass, layer, 16), target(), rules, 16);
      EXPECT_GE(plans.size(), 3u);
      EXPECT_LE(plans.size(), 16u);
      EXPECT_EQ(plans.front().engine, plan(pass, layer, rules).engine);
      std::set<std::string> names;
      for (const Plan& found : plans) {
        EXPECT_TRUE(names.insert(found.engine).second) << found.engine << " is there twice";
        if (&found != &plans.back()) {
          EXPECT_FALSE(found.engine == "engine 0") << "the last resort before others";
        }
      }
    }
  }
}

TEST_F(CudnnPlanTest, ANameIsEnoughToMakeThePlanAgain) {
  const auto layer = geometry_of({256, 12, 12, 24}, {32, 3, 3, 24});
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    for (const ConvPass pass : kPasses) {
      const PlanRules rules{.precision = precision};
      const Descriptor operation = cudnn::describe_conv2d(pass, layer, 16);
      for (const Plan& found : cudnn::find_plans("", operation, target(), rules, 16)) {
        const auto again = cudnn::restore_plan(found.engine, operation, target(), rules);
        ASSERT_TRUE(again) << found.engine;
        EXPECT_EQ(again->engine, found.engine);
        EXPECT_EQ(again->workspace_bytes, found.workspace_bytes) << found.engine;
      }
    }
  }
}

TEST_F(CudnnPlanTest, MakesNoPlanOfANameThatIsWrongOrForbidden) {
  const auto layer = geometry_of({64, 32, 32, 64}, {64, 3, 3, 64}, {.padding = Padding::same()});
  const Descriptor operation = cudnn::describe_conv2d(ConvPass::forward, layer, 16);
  for (const char* name : {"", "engine", "engine ", "engine x", "engine -1", "engine 0 ", "cuda",
                           "engine 0 2", "engine 0 2:", "engine 0 2:x", "engine 0 99999:1",
                           "engine 0 2:1 (tensor", "engine 99999999999999999999", "engine 777"})
    EXPECT_FALSE(cudnn::restore_plan(name, operation, target(), {})) << name;
  const Plan fast = plan(ConvPass::forward, layer, {.precision = Precision::tf32});
  ASSERT_NE(fast.engine.find("tensor cores"), std::string::npos);
  EXPECT_FALSE(cudnn::restore_plan(fast.engine, operation, target(), {})) << "TF32 under fp32";
}

TEST_F(CudnnPlanTest, ARefusedEngineIsNotTaken) {
  const auto layer = geometry_of({256, 12, 12, 24}, {32, 3, 3, 24});
  const std::string first = plan(ConvPass::grad_weight, layer).engine;
  const int64_t index = std::stoll(first.substr(std::string_view("engine ").size()));
  const std::string other = plan(ConvPass::grad_weight, layer, {.refused = index}).engine;
  EXPECT_NE(other.substr(0, other.find(' ', 7)), first.substr(0, first.find(' ', 7)));
  EXPECT_EQ(plan(ConvPass::grad_weight, layer, {.refused = 777}).engine, first);
}

TEST_F(CudnnPlanTest, SaysWhatHasNoEngine) {
  const auto geometry = geometry_of({4, 8, 9, 2}, {6, 3, 3, 1}, {.groups = 2});
  EXPECT_TRUE(fails(ErrorKind::device,
                    "cuDNN: no engine for conv2d_grad_weight of 4x8x9x2 by 6x3x3x1, 2 groups at "
                    "fp32 (",
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
