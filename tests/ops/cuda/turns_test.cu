// Kernels that begin before the one before them has ended (ops/cuda/launch.cuh) read no weight that
// is still being written.
#include <gtest/gtest.h>

#include "ops/conv2d_relu_max_pool.h"
#include "ops/cuda/launch.cuh"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/settings.h"
#include "ops/sgd_update.h"
#include "tensor/cuda/context.h"
#include "tensor/recording.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

class GpuTurnsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  }
};

TEST_F(GpuTurnsTest, OverlapOnlyWithWhatTookATurn) {
  cuda::stream();
  EXPECT_FALSE(cuda::stream_in_turn(false).overlaps);
  EXPECT_FALSE(cuda::settles_last());
  EXPECT_TRUE(cuda::stream_in_turn(true).overlaps);
  EXPECT_TRUE(cuda::settles_last());
  EXPECT_TRUE(cuda::stream_in_turn(false).overlaps);
  EXPECT_FALSE(cuda::settles_last());
  cuda::stream();  // for something that takes no turn
  EXPECT_FALSE(cuda::stream_in_turn(false).overlaps);
  cuda::stream();
}

/// Passes its turn at once, takes its time, and only then writes: whoever reads early reads the
/// past.
__global__ void late_kernel(float* weights, int64_t count, float value) {
  cuda::take_turn();
  cuda::pass_turn();
  constexpr long long kClocks = 400'000;  // some 200 microseconds
  for (const long long start = clock64(); clock64() - start < kClocks;) {
  }
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) weights[i] = value;
}

/// A weight that such a kernel sets to 1/64, 2/64, ..., which TF32 holds, and float32 their sums.
class LateWeight {
 public:
  explicit LateWeight(const Shape& shape) {
    const MemoryScope scope(MemoryUse::weights);
    weight_ = Tensor::zeros(shape, DType::float32, Device::gpu);
  }
  const Tensor& get() const { return weight_; }
  void write(int number, bool settles = true) {
    cuda::launch_in_turn("late_kernel", late_kernel, {.grid = 1, .block = 256, .settles = settles},
                         weight_.data<float>(), weight_.size(), static_cast<float>(number) / 64);
  }

 private:
  Tensor weight_;
};

Tensor ones(const Shape& shape) {
  return Tensor::full(shape, 1, DType::float32, Device::gpu);
}

/// Writes the weight and uses it, eagerly and then as a graph; `use` gives a tensor all of whose
/// elements are `factor` times a weight.
void expect_each_write_seen(LateWeight& weight, double factor, const std::function<Tensor()>& use) {
  constexpr int kTimes = 5;
  std::vector<Tensor> results(kTimes);
  const auto work = [&] {
    for (int i = 0; i < kTimes; ++i) {
      weight.write(i + 1);
      results[i] = use();
    }
  };
  const auto check = [&] {
    for (int i = 0; i < kTimes; ++i)
      EXPECT_TRUE(
          close(results[i], Tensor::full(results[i].shape(), factor * (i + 1) / 64), kExact));
  };
  work();
  check();
  const Recording recording(Device::gpu, work);
  recording.launch();
  check();
}

TEST_F(GpuTurnsTest, DenseLayersReadWhatWasJustWritten) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    const SettingsScope scope({Kernels::own, precision});
    LateWeight weight({256, 800});
    const Tensor input = ones({64, 800});
    expect_each_write_seen(weight, 800, [&] { return ops::dense(input, weight.get(), Tensor()); });
  }
}

// The second layer reads early, but the first has waited for the weight of both.
TEST_F(GpuTurnsTest, ASecondLayerReadsItToo) {
  const SettingsScope scope({Kernels::own, Precision::tf32});
  LateWeight weight({32, 32});
  const Tensor input = ones({64, 32});
  std::vector<Tensor> results;
  for (int number = 1; number <= 4; ++number) {
    weight.write(number);
    const Tensor hidden = ops::dense(input, weight.get(), Tensor());
    results.push_back(ops::dense(hidden, weight.get(), Tensor()));
  }
  for (int i = 0; i < 4; ++i) {
    const double twice = 32.0 * (i + 1) / 64;
    EXPECT_TRUE(close(results[i], Tensor::full({64, 32}, twice * twice), kExact));
  }
}

TEST_F(GpuTurnsTest, ConvolutionalStagesReadWhatWasJustWritten) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    const SettingsScope scope({Kernels::own, precision});
    LateWeight many({32, 3, 3, 24}), few({24, 5, 5, 1});
    const Tensor input = ones({64, 12, 12, 24}), image = ones({64, 28, 28, 1});
    expect_each_write_seen(many, 9 * 24,
                           [&] { return ops::conv2d_relu_max_pool(input, many.get(), Tensor()); });
    expect_each_write_seen(few, 25,
                           [&] { return ops::conv2d_relu_max_pool(image, few.get(), Tensor()); });
  }
}

TEST_F(GpuTurnsTest, TheLastLayerReadsWhatWasJustWritten) {
  const SettingsScope scope({Kernels::own, Precision::tf32});
  LateWeight weight({10, 256});
  const Tensor input = ones({64, 256});
  const Tensor labels = Tensor::zeros({64}, DType::int32, Device::gpu);
  expect_each_write_seen(weight, 256, [&] {
    return ops::dense_softmax_cross_entropy(input, weight.get(), Tensor(), labels).logits;
  });
}

// An update reads weights early only if they are weights, and no update was queued just before.
TEST_F(GpuTurnsTest, UpdatesReadWhatWasJustWritten) {
  LateWeight weight({1000});
  Tensor plain = Tensor::zeros({1000}, DType::float32, Device::gpu), none;
  const Tensor gradients = ones({1000});
  ops::StepState state = ops::first_step({.peak = 0.5}, Device::gpu);
  for (Tensor tensor : {weight.get(), plain}) {
    cuda::launch_in_turn("late_kernel", late_kernel,
                         {.grid = 1, .block = 256, .settles = tensor.use() == MemoryUse::weights},
                         tensor.data<float>(), tensor.size(), 8.0f);
    ops::sgd_update(tensor, gradients, none, state, {});
    ops::sgd_update(tensor, gradients, none, state, {});
    EXPECT_TRUE(close(tensor, Tensor::full({1000}, 7), kExact));
  }
}

// Without a word from who writes, the weight is read too early: what the tests above stand on.
TEST_F(GpuTurnsTest, TheTestsWouldNotice) {
  if (!cuda::compiled_for(90)) GTEST_SKIP() << "kernels do not overlap on this GPU";
  const SettingsScope scope({Kernels::own, Precision::tf32});
  LateWeight weight({256, 800});
  const Tensor input = ones({64, 800});
  ops::dense(input, weight.get(), Tensor());  // loads the kernel
  bool noticed = false;  // not each time: the host may be too late to queue the layer meanwhile
  for (int attempt = 0; attempt < 100 && !noticed; ++attempt) {
    weight.write(1);
    cuda::synchronize();
    weight.write(2, false);
    const Tensor result = ops::dense(input, weight.get(), Tensor());
    noticed = !close(result, Tensor::full({64, 256}, 800 * 2.0 / 64), kExact);
  }
  EXPECT_TRUE(noticed);
}

}  // namespace
}  // namespace strata::test
