#include "tests/support/rungs.h"

#include "ops/dispatch.h"
#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tests/support/threads.h"

namespace strata::test {
namespace {

struct Result {
  Tensor output;
  std::vector<Tensor> gradients;  // undefined for inputs without
};

Result run(const Function& function, const std::vector<Tensor>& inputs, Device device,
           const Settings& settings) {
  const SettingsScope scope(settings);
  std::vector<Tensor> copies;
  for (const Tensor& input : inputs) {
    const bool floating = is_floating(input.dtype());
    copies.push_back(floating ? converted(input, DType::float32, device) : input.to(device));
    if (floating) copies.back().set_requires_grad(true);
  }
  Result result{function(copies), {}};
  if (!result.output.requires_grad()) return result;
  const Tensor grad_output = random_tensor(result.output.shape(), 23, -1, 1, DType::float32);
  backward(result.output, grad_output.to(device));
  for (const Tensor& copy : copies) result.gradients.push_back(copy.grad());
  return result;
}

}  // namespace

std::vector<Target> cpu_targets_without_library() {
  return {{Device::cpu, Kernels::reference}, {Device::cpu, Kernels::own}};
}

std::vector<Target> cpu_targets() {
  return {{Device::cpu, Kernels::reference},
          {Device::cpu, Kernels::own},
          {Device::cpu, Kernels::library}};
}

std::vector<Target> gpu_targets() {
  return {{Device::gpu, Kernels::own}, {Device::gpu, Kernels::library}};
}

std::string name_of_target(const testing::TestParamInfo<Target>& info) {
  return std::string(name_of(info.param.kernels));
}

std::optional<std::string> why_onednn_is_not_tested() {
#ifdef __SANITIZE_THREAD__
  return "ThreadSanitizer sees no synchronization in oneDNN's OpenMP, which is built without it";
#else
  return why_no_onednn();
#endif
}

void RungTest::SetUp() {
  if (device() == Device::gpu) {
    if constexpr (kHasCuda) {
      if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
    } else {
      GTEST_SKIP() << "this build has no GPU code";
    }
  }
  if (on_onednn())
    if (const auto reason = why_onednn_is_not_tested()) GTEST_SKIP() << *reason;
  scope_ = std::make_unique<SettingsScope>(Settings{.kernels = GetParam().kernels});
}

void RungTest::expect_matches_reference(const Function& function, const std::vector<Tensor>& inputs,
                                        Tolerance tolerance) {
  const Result expected = run(function, inputs, Device::cpu, {.kernels = Kernels::reference});
  const Result actual = run(function, inputs, device(), settings());
  EXPECT_TRUE(close(actual.output, expected.output, tolerance)) << "output";
  ASSERT_EQ(actual.gradients.size(), expected.gradients.size());
  for (size_t i = 0; i < expected.gradients.size(); ++i) {
    if (!expected.gradients[i].defined()) continue;
    EXPECT_TRUE(close(actual.gradients[i], expected.gradients[i], tolerance))
        << "gradient of input " << i;
  }
}

void RungTest::expect_same_bits(const Function& function, const std::vector<Tensor>& inputs) {
  const ThreadCountScope one(1);
  Result expected = run(function, inputs, device(), settings());
  // oneDNN cuts its sums by the number of threads, and repeats them for one number only.
  for (const int threads : {1, 2, 3}) {
    SCOPED_TRACE(threads);
    set_thread_count(threads);
    if (on_onednn()) expected = run(function, inputs, device(), settings());
    const Result actual = run(function, inputs, device(), settings());
    EXPECT_TRUE(identical(actual.output, expected.output)) << "output";
    for (size_t i = 0; i < expected.gradients.size(); ++i) {
      if (!expected.gradients[i].defined()) continue;
      EXPECT_TRUE(identical(actual.gradients[i], expected.gradients[i]))
          << "gradient of input " << i;
    }
  }
}

void RungTest::expect_same_bits_on_several_threads(const Function& function,
                                                   const std::vector<Tensor>& inputs) {
  if (device() == Device::cpu && GetParam().kernels == Kernels::own) {
    EXPECT_TRUE(runs_on_several_threads([&] { run(function, inputs, device(), settings()); }))
        << "too little work to be cut";
  }
  expect_same_bits(function, inputs);
}

}  // namespace strata::test
