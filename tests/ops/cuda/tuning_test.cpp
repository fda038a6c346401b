// Measuring on a GPU: the timer, the guard against wrong results, and that what is chosen by time
// gives the reference's results, and the same bits whenever the cache file is the same.
#include "ops/tuning.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <limits>

#include "ops/conv2d.h"
#include "ops/cuda/result_check.h"
#include "ops/dense.h"
#include "ops/pool2d.h"
#include "ops/settings.h"
#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tensor/branch.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/cuda/timer.h"
#include "tests/support/compare.h"
#include "tests/support/idx_files.h"

namespace strata::test {
namespace {

constexpr int64_t kLarge = int64_t{16} << 20;  // floats; some 30 microseconds to fill on an H100

class GpuTimerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

TEST_F(GpuTimerTest, MoreWorkTakesLonger) {
  Tensor tensor = Tensor::empty({kLarge}, DType::float32, Device::gpu);
  const auto fills = [&](int count) {
    return cuda::time_work([&tensor, count] {
      for (int i = 0; i < count; ++i) tensor.fill(1.5 + i);
    });
  };
  const double one = fills(1), eight = fills(8);
  EXPECT_GT(one, 1);
  EXPECT_GT(eight, 4 * one);
  EXPECT_LT(eight, 16 * one);
  EXPECT_EQ(tensor.to_vector<float>().back(), 8.5f) << "the work was not done";
}

TEST_F(GpuTimerTest, WorkThatFailsLeavesTheStreamUsable) {
  Tensor tensor = Tensor::zeros({4}, DType::float32, Device::gpu);
  int runs = 0;
  const auto failing = [&] {
    tensor.fill(1);
    if (++runs > 1) fail(ErrorKind::device, "no more");
  };
  EXPECT_TRUE(fails(ErrorKind::device, "no more", [&] { cuda::time_work(failing); }));
  EXPECT_FALSE(recording_gpu_work());
  tensor.fill(3);
  EXPECT_EQ(tensor.to_vector<float>(), std::vector<float>(4, 3));
}

TEST_F(GpuTimerTest, TheGuardSeesOneWrongElement) {
  Tensor tensor = random_tensor({100'003}, 5, -1, 1, DType::float32).to(Device::gpu);
  cuda::ResultCheck check(tensor.data<float>(), tensor.size(), 1e-3);
  check.keep();
  EXPECT_EQ(check.objection(), "");
  for (const float wrong : {1.5f, -1.5f, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    Tensor last = tensor.view({1}, tensor.size() - 1);
    const float right = last.item<float>();
    last.fill(wrong);
    EXPECT_NE(check.objection(), "") << wrong;
    last.fill(right + 1e-5);
    EXPECT_EQ(check.objection(), "") << "rounding";
    last.fill(right);
  }
}

struct Layer {
  const char* name;
  std::function<Tensor(const std::vector<Tensor>&)> function;
  std::vector<Shape> inputs;
};

std::vector<Layer> layers() {
  const auto convolution = [](const ops::Conv2dOptions& options) {
    return [options](const auto& in) { return ops::conv2d(in[0], in[1], options); };
  };
  return {{"lenet 1", convolution({}), {{32, 28, 28, 1}, {24, 5, 5, 1}}},
          {"lenet 2", convolution({}), {{32, 12, 12, 24}, {32, 3, 3, 24}}},
          {"strides, padding, dilation, groups",
           convolution({.stride = {2, 1},
                        .padding = ops::Padding::each_side(1, 2),
                        .dilation = {1, 2},
                        .groups = 2}),
           {{8, 13, 14, 8}, {6, 3, 3, 4}}},
          {"dense",
           [](const auto& in) { return ops::dense(in[0], in[1], in[2], ops::Activation::relu); },
           {{64, 160}, {48, 160}, {48}}},
          {"pooling", [](const auto& in) { return ops::max_pool2d(in[0]); }, {{16, 12, 12, 8}}},
          {"tanh", [](const auto& in) { return ops::tanh(in[0]); }, {{1000}}}};
}

/// The output, then the gradients of all inputs.
std::vector<Tensor> run(const Layer& layer, Device device, const Settings& settings) {
  const SettingsScope scope(settings);
  std::vector<Tensor> inputs;
  for (const Shape& shape : layer.inputs) {
    inputs.push_back(random_tensor(shape, 7 + inputs.size(), -1, 1, DType::float32).to(device));
    inputs.back().set_requires_grad(true);
  }
  const Tensor output = layer.function(inputs);
  backward(output, random_tensor(output.shape(), 3, -1, 1, DType::float32).to(device));
  std::vector<Tensor> results = {output};
  for (const Tensor& input : inputs) results.push_back(input.grad());
  return results;
}

class GpuTuningTest : public testing::TestWithParam<Settings> {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
    if (const auto& reason = cuda::why_no_cudnn()) GTEST_SKIP() << *reason;
    if (const auto& reason = cuda::why_no_cublaslt()) GTEST_SKIP() << *reason;
  }

  Tuner make_tuner(bool measure) const {
    Tuner::Options options{.cache_file = folder_.path() / "tuning.tsv",
                           .machine = cuda::device_info().name,
                           .busy = recording_gpu_work};
    if (measure) options.timer = cuda::time_work;
    return Tuner(options);
  }

 private:
  TemporaryFolder folder_;
};

/// float32 sums in another order; TF32 inputs lose up to 2^-11 of each of some hundred to some
/// thousand terms of size one, whose errors partly cancel.
Tolerance tolerance_of(Precision precision) {
  if (precision == Precision::fp32) return {.relative = 1e-4, .absolute = 2e-4};
  return {.relative = 1e-2, .absolute = 1e-1};
}

TEST_P(GpuTuningTest, WhatIsMeasuredGivesTheReferencesResultsAndTheSameBitsFromTheCache) {
  std::vector<std::vector<Tensor>> measured;
  {
    Tuner measuring = make_tuner(true);
    const TunerScope scope(measuring);
    for (const Layer& layer : layers()) measured.push_back(run(layer, Device::gpu, GetParam()));
    measuring.finish();
    EXPECT_TRUE(measuring.notes().empty()) << measuring.notes().front();
    EXPECT_GE(measuring.choices().size(), 10u);
    for (const auto& [key, choice] : measuring.choices()) {
      EXPECT_EQ(choice.source, Choice::Source::measured_now) << key;
      for (const std::string& rejected : choice.rejected)
        std::printf("%s: %s\n", key.c_str(), rejected.c_str());
    }
  }
  for (size_t i = 0; i < measured.size(); ++i) {
    SCOPED_TRACE(layers()[i].name);
    const auto expected = run(layers()[i], Device::cpu, {.kernels = Kernels::reference});
    for (size_t k = 0; k < expected.size(); ++k)
      EXPECT_TRUE(close(measured[i][k], expected[k], tolerance_of(GetParam().precision))) << k;
  }
  for (int again = 0; again < 2; ++again) {
    Tuner reading = make_tuner(false);
    const TunerScope scope(reading);
    for (size_t i = 0; i < measured.size(); ++i) {
      SCOPED_TRACE(layers()[i].name);
      const auto repeated = run(layers()[i], Device::gpu, GetParam());
      for (size_t k = 0; k < repeated.size(); ++k)
        EXPECT_TRUE(identical(repeated[k], measured[i][k])) << k;
    }
    for (const auto& [key, choice] : reading.choices())
      EXPECT_EQ(choice.source, Choice::Source::cache_file) << key;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Gpu, GpuTuningTest,
    testing::Values(Settings{.kernels = Kernels::library, .precision = Precision::fp32},
                    Settings{.kernels = Kernels::library, .precision = Precision::tf32},
                    Settings{.kernels = Kernels::automatic, .precision = Precision::fp32},
                    Settings{.kernels = Kernels::automatic, .precision = Precision::tf32}),
    [](const auto& info) {
      return fmt::format("{}_{}", name_of(info.param.kernels), name_of(info.param.precision));
    });

}  // namespace
}  // namespace strata::test
