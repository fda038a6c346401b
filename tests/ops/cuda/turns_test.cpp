// Kernels that begin before the one before them has ended (ops/cuda/launch.cuh) read no weight that
// is still being written.
#include <gtest/gtest.h>

#include "ops/conv2d_relu_max_pool.h"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/settings.h"
#include "ops/sgd_update.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"
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

/// Weights at the end of a buffer that takes the GPU a while to update. Every update adds 1/64 to
/// all of them, so that TF32 holds them and float32 their sums.
class CountingWeights {
 public:
  explicit CountingWeights(const Shape& shape)
      : state_(ops::first_step({.peak = 1}, Device::gpu)),
        gradients_(Tensor::full({kSize}, -1.0 / 64, DType::float32, Device::gpu)) {
    const MemoryScope scope(MemoryUse::weights);
    buffer_ = Tensor::zeros({kSize}, DType::float32, Device::gpu);
    weight_ = buffer_.view(shape, kSize - shape.size());
  }
  const Tensor& weight() const { return weight_; }
  void update() { ops::sgd_update(buffer_, gradients_, no_velocity_, state_, {}); }

 private:
  static constexpr int64_t kSize = 1 << 24;
  ops::StepState state_;
  Tensor gradients_, buffer_, weight_, no_velocity_;
};

/// Updates and uses the weights in turns, queued eagerly and then in a graph; `use` gives a tensor
/// all of whose elements are `factor` times a weight.
void expect_each_update_seen(CountingWeights& weights, double factor,
                             const std::function<Tensor()>& use) {
  constexpr int kTurns = 12;
  std::vector<Tensor> results(kTurns);
  const auto work = [&] {
    for (Tensor& result : results) {
      weights.update();
      result.copy_from(use());
    }
  };
  for (Tensor& result : results) result = use().clone();
  work();
  for (int i = 0; i < kTurns; ++i)
    EXPECT_TRUE(close(results[i], Tensor::full(results[i].shape(), factor * (i + 1) / 64), kExact));
  const Recording recording(Device::gpu, work);
  recording.launch();
  for (int i = 0; i < kTurns; ++i)
    EXPECT_TRUE(close(results[i], Tensor::full(results[i].shape(), factor * (kTurns + i + 1) / 64),
                      kExact));
}

Tensor ones(const Shape& shape) {
  return Tensor::full(shape, 1, DType::float32, Device::gpu);
}

TEST_F(GpuTurnsTest, DenseLayersSeeEachUpdate) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    const SettingsScope scope({Kernels::own, precision});
    CountingWeights weights({256, 800});
    const Tensor input = ones({64, 800});
    expect_each_update_seen(weights, 800,
                            [&] { return ops::dense(input, weights.weight(), Tensor()); });
  }
}

TEST_F(GpuTurnsTest, ConvolutionalStagesSeeEachUpdate) {
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    const SettingsScope scope({Kernels::own, precision});
    CountingWeights weights({32, 3, 3, 24}), few({24, 5, 5, 1});
    const Tensor input = ones({64, 12, 12, 24}), image = ones({64, 28, 28, 1});
    expect_each_update_seen(weights, 9 * 24, [&] {
      return ops::conv2d_relu_max_pool(input, weights.weight(), Tensor());
    });
    expect_each_update_seen(
        few, 25, [&] { return ops::conv2d_relu_max_pool(image, few.weight(), Tensor()); });
  }
}

TEST_F(GpuTurnsTest, TheLastLayerSeesEachUpdate) {
  const SettingsScope scope({Kernels::own, Precision::tf32});
  CountingWeights weights({10, 256});
  const Tensor input = ones({64, 256});
  const Tensor labels = Tensor::zeros({64}, DType::int32, Device::gpu);
  expect_each_update_seen(weights, 256, [&] {
    return ops::dense_softmax_cross_entropy(input, weights.weight(), Tensor(), labels).logits;
  });
}

}  // namespace
}  // namespace strata::test
