#include "ops/gather_batch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/support/rungs.h"
#include "tests/support/threads.h"

namespace strata::test {
namespace {

class GatherBatchTest : public RungTest {
 protected:
  struct Batch {
    Tensor images, labels;
  };

  Batch gather(int64_t count, int64_t batch, int32_t step, const ops::GatherOptions& options) {
    return gather(count, batch, step, options, 2, device());
  }
  /// From a set in which image i is filled with the pixel i and labelled i, both modulo 256.
  static Batch gather(int64_t count, int64_t batch, int32_t step, const ops::GatherOptions& options,
                      int64_t width, Device device) {
    std::vector<uint8_t> pixels, labels(static_cast<size_t>(count));
    std::iota(labels.begin(), labels.end(), uint8_t{0});
    for (const uint8_t label : labels)
      pixels.insert(pixels.end(), static_cast<size_t>(3 * width), label);
    Batch result{Tensor::empty({batch, 3, width, 1}, DType::float32, device),
                 Tensor::empty({batch}, DType::int32, device)};
    ops::gather_batch(Tensor::from(pixels, {count, 3, width, 1}, device),
                      Tensor::from(labels, {count}, device),
                      Tensor::from(std::vector<int32_t>{step}, {1}, device), options, result.images,
                      result.labels);
    return result;
  }
};
STRATA_ON_EVERY_RUNG(GatherBatchTest);

TEST_P(GatherBatchTest, InOrderWithScaleAndOffset) {
  const Batch batch = gather(5, 2, 1, {.shuffle = false, .scale = 0.5f, .offset = -1});
  EXPECT_EQ(batch.labels.to_vector<int32_t>(), (std::vector<int32_t>{2, 3}));
  EXPECT_TRUE(close(batch.images, {0, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, kExact));
}

TEST_P(GatherBatchTest, TheLastBatchIsFilledFromTheStart) {
  const Batch batch = gather(5, 2, 2, {.shuffle = false});
  EXPECT_EQ(batch.labels.to_vector<int32_t>(), (std::vector<int32_t>{4, 0}));
}

TEST_P(GatherBatchTest, AnEpochHasEveryImageOnceInAnotherOrderThanTheNext) {
  constexpr int64_t kCount = 200, kBatch = 8;
  std::vector<std::vector<int32_t>> epochs(2);
  for (int32_t step = 0; step < 2 * kCount / kBatch; ++step) {
    const auto labels = gather(kCount, kBatch, step, {.seed = 9}).labels.to_vector<int32_t>();
    auto& epoch = epochs[step / (kCount / kBatch)];
    epoch.insert(epoch.end(), labels.begin(), labels.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto& epoch : epochs) {
    EXPECT_FALSE(std::is_sorted(epoch.begin(), epoch.end()));
    std::sort(epoch.begin(), epoch.end());
    std::vector<int32_t> all(kCount);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(epoch, all);
  }
}

// Widths that divide by four and that do not; batches of one and of several images a block.
TEST_P(GatherBatchTest, SameBitsAsTheReference) {
  const ops::GatherOptions options{.seed = 5, .scale = 1 / 78.6f, .offset = -0.4241f};
  for (const int64_t width : {2, 4, 400}) {
    for (const int64_t batch : {1, 37, 1100}) {
      SCOPED_TRACE(fmt::format("width {}, batch {}", width, batch));
      const Batch actual = gather(1201, batch, 40, options, width, device());
      const std::vector<int32_t> labels = actual.labels.to_vector<int32_t>();
      std::vector<double> expected;
      for (const int32_t label : labels)
        expected.insert(expected.end(), static_cast<size_t>(3 * width),
                        std::fma(static_cast<float>(label), options.scale, options.offset));
      EXPECT_TRUE(close(actual.images, expected, kExact));
      const SettingsScope reference({.kernels = Kernels::reference});
      const Batch truth = gather(1201, batch, 40, options, width, Device::cpu);
      EXPECT_EQ(labels, truth.labels.to_vector<int32_t>());
    }
  }
}

TEST_P(GatherBatchTest, SameBitsOnSeveralThreads) {
  if (device() == Device::gpu) GTEST_SKIP() << "a GPU's kernels use no thread of the CPU";
  const auto gathered = [&] {
    return gather(301, 257, 4, {.seed = 5, .scale = 1 / 78.6f, .offset = -0.4241f});
  };
  if (GetParam().kernels == Kernels::own) {
    EXPECT_TRUE(runs_on_several_threads(gathered));
  }
  Batch expected;
  for (const int threads : {1, 2, 3}) {
    const ThreadCountScope scope(threads);
    const Batch actual = gathered();
    if (threads == 1) expected = actual;
    EXPECT_TRUE(identical(actual.images, expected.images)) << threads << " threads";
    EXPECT_TRUE(identical(actual.labels, expected.labels)) << threads << " threads";
  }
}

TEST_P(GatherBatchTest, ABatchMayExceedTheSet) {
  const Batch batch = gather(3, 8, 1, {.shuffle = false});
  EXPECT_EQ(batch.labels.to_vector<int32_t>(), (std::vector<int32_t>{0, 1, 2, 0, 1, 2, 0, 1}));
}

// One block, many, and many of several images; a step that an optimizer moves on, and any other.
TEST_P(GatherBatchTest, DrawsAhead) {
  for (const int64_t batch : {1, 300, 1500})
    for (const MemoryUse use : {MemoryUse::optimizer, MemoryUse::activations}) {
      SCOPED_TRACE(batch);
      const MemoryScope scope(use);
      const Batch ahead = gather(2000, batch, 6, {.seed = 5, .ahead = 3});
      const Batch later = gather(2000, batch, 9, {.seed = 5});
      EXPECT_TRUE(close(ahead.images, later.images, kExact));
      EXPECT_EQ(ahead.labels.to_vector<int32_t>(), later.labels.to_vector<int32_t>());
    }
}

TEST(GatherBatchErrorTest, SaysWhatDoesNotFit) {
  const Tensor images = Tensor::zeros({4, 2, 2, 1}, DType::uint8);
  const Tensor labels = Tensor::zeros({4}, DType::uint8);
  const Tensor step = Tensor::zeros({1}, DType::int32);
  Tensor batch = Tensor::zeros({2, 2, 2, 1}), batch_labels = Tensor::zeros({2}, DType::int32);
  EXPECT_TRUE(fails("4 images need as many uint8 labels, got uint8 (3)", [&] {
    ops::gather_batch(images, Tensor::zeros({3}, DType::uint8), step, {}, batch, batch_labels);
  }));
  EXPECT_TRUE(fails("between 1 and 2^31 - 1 can be drawn from", [&] {
    ops::gather_batch(Tensor::zeros({0, 2, 2, 1}, DType::uint8), labels, step, {}, batch,
                      batch_labels);
  }));
  Tensor wide = Tensor::zeros({2, 2, 3, 1});
  EXPECT_TRUE(fails("do not fit a batch of float32 (2, 2, 3, 1)",
                    [&] { ops::gather_batch(images, labels, step, {}, wide, batch_labels); }));
}

}  // namespace
}  // namespace strata::test
