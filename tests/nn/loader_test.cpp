#include "nn/loader.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "nn/activations.h"
#include "nn/dense.h"
#include "nn/evaluate.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

/// `count` images of 1x2 pixels; pixel 0 numbers the image, so that a batch shows whom it holds.
nn::Dataset numbered(int count) {
  nn::Dataset dataset;
  dataset.name = "numbered";
  dataset.height = 1;
  dataset.width = 2;
  dataset.channels = 1;
  dataset.classes = 3;
  for (nn::ImageSet* set : {&dataset.train, &dataset.test}) {
    set->count = count;
    for (int i = 0; i < count; ++i) {
      set->images.insert(set->images.end(), {static_cast<uint8_t>(i), 0});
      set->labels.push_back(static_cast<uint8_t>(i % 3));
    }
  }
  return dataset;
}

Tensor step(int32_t number, Device device) {
  return Tensor::from(std::vector<int32_t>{number}, {1}, device);
}

class LoaderTest : public RungTest {
 protected:
  /// The images' numbers in the batch of a step; their labels are checked on the way.
  std::vector<int> batch_of(const nn::Loader& loader, const nn::DeviceImages& images, int number) {
    const nn::Batch batch = loader.batch(step(number, device()));
    const std::vector<float> pixels = batch.images.to_vector<float>();
    const std::vector<int32_t> labels = batch.labels.to_vector<int32_t>();
    std::vector<int> numbers;
    for (size_t i = 0; i < labels.size(); ++i) {
      const double pixel = (pixels[2 * i] * images.deviation + images.mean) * 255;
      numbers.push_back(static_cast<int>(std::lround(pixel)));
      EXPECT_EQ(labels[i], numbers.back() % 3);
    }
    return numbers;
  }

  std::vector<int> epoch_of(const nn::Loader& loader, const nn::DeviceImages& images, int epoch) {
    std::vector<int> all;
    const auto steps = static_cast<int>(loader.steps_per_epoch());
    for (int i = 0; i < steps; ++i)
      for (int number : batch_of(loader, images, epoch * steps + i)) all.push_back(number);
    return all;
  }
};
STRATA_ON_EVERY_RUNG(LoaderTest);

TEST_P(LoaderTest, VisitsEachImageOncePerEpochInAnotherOrder) {
  const nn::DeviceDataset data(numbered(60), device());
  const nn::Loader loader(data.train, {.batch_size = 12, .seed = 3});
  EXPECT_EQ(loader.steps_per_epoch(), 5);
  std::set<std::vector<int>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> order = epoch_of(loader, data.train, epoch);
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (int i = 0; i < 60; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  }
  EXPECT_EQ(orders.size(), 3u) << "each epoch has an order of its own";
}

TEST_P(LoaderTest, CompletesTheLastBatch) {
  const nn::DeviceDataset data(numbered(10), device());
  const nn::Loader loader(data.train, {.batch_size = 4});
  EXPECT_EQ(loader.steps_per_epoch(), 3);
  const std::vector<int> order = epoch_of(loader, data.train, 0);
  ASSERT_EQ(order.size(), 12u);
  EXPECT_EQ(std::set<int>(order.begin(), order.begin() + 10).size(), 10u);
  EXPECT_EQ(order[10], order[0]);
  EXPECT_EQ(order[11], order[1]);
}

TEST_P(LoaderTest, DrawsTheNextBatchIntoTheSameMemory) {
  const nn::DeviceDataset data(numbered(60), device());
  const nn::Loader loader(data.train, {.batch_size = 24});
  nn::Batch drawn = loader.batch(step(0, device()));
  for (int number = 0; number < 5; ++number) {
    SCOPED_TRACE(number);
    loader.draw_next(step(number, device()), drawn);
    const nn::Batch batch = loader.batch(step(number + 1, device()));
    EXPECT_EQ(drawn.images.to_vector<float>(), batch.images.to_vector<float>());
    EXPECT_EQ(drawn.labels.to_vector<int32_t>(), batch.labels.to_vector<int32_t>());
  }
}

TEST_P(LoaderTest, SeedDecidesTheOrder) {
  const nn::DeviceDataset data(numbered(60), device());
  const nn::Loader one(data.train, {.batch_size = 20, .seed = 3});
  const nn::Loader same(data.train, {.batch_size = 20, .seed = 3});
  const nn::Loader other(data.train, {.batch_size = 20, .seed = 4});
  EXPECT_EQ(epoch_of(one, data.train, 1), epoch_of(same, data.train, 1));
  EXPECT_NE(epoch_of(one, data.train, 1), epoch_of(other, data.train, 1));
}

TEST_P(LoaderTest, WithoutShufflingTheOrderIsTheSets) {
  const nn::DeviceDataset data(numbered(9), device());
  const nn::Loader loader(data.train, {.batch_size = 3, .shuffle = false});
  EXPECT_EQ(epoch_of(loader, data.train, 1), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

// Pixels 0, 0, 1, 0, ..., 59, 0 of the training set.
TEST_P(LoaderTest, ScalesByTheTrainingImages) {
  nn::Dataset dataset = numbered(60);
  std::fill(dataset.test.images.begin(), dataset.test.images.end(), uint8_t{255});
  const nn::DeviceDataset data(dataset, device());
  double mean = 0, variance = 0;
  for (uint8_t pixel : dataset.train.images) mean += pixel / 255.0 / 120;
  for (uint8_t pixel : dataset.train.images)
    variance += (pixel / 255.0 - mean) * (pixel / 255.0 - mean) / 120;
  EXPECT_NEAR(data.train.mean, mean, 1e-7);
  EXPECT_NEAR(data.train.deviation, std::sqrt(variance), 1e-7);
  const double expected = (1 - mean) / std::sqrt(variance);
  EXPECT_TRUE(close(nn::whole_batch(data.test).images, std::vector<double>(120, expected)));
}

TEST_P(LoaderTest, ImagesWithoutContrastStayFinite) {
  nn::Dataset dataset = numbered(4);
  std::fill(dataset.train.images.begin(), dataset.train.images.end(), uint8_t{7});
  const nn::DeviceDataset data(dataset, device());
  EXPECT_TRUE(close(nn::whole_batch(data.train).images, std::vector<double>(8, 0.0)));
}

/// Gives class 0 to all images but those of number 4, 5 and 6, which get class 1.
class ThreeAreOne : public nn::Module {
 public:
  explicit ThreeAreOne(const nn::DeviceImages& images) : images_(images) {}
  Tensor forward(const Tensor& input) override {
    EXPECT_FALSE(training());
    std::vector<float> logits;
    const std::vector<float> pixels = input.to_vector<float>();
    for (size_t i = 0; i < pixels.size(); i += 2) {
      const double number = (pixels[i] * images_.deviation + images_.mean) * 255;
      const bool one = number > 3.5 && number < 6.5;
      logits.insert(logits.end(), {one ? 0.0f : 1.0f, one ? 1.0f : 0.0f, 0.0f});
    }
    return Tensor::from(logits, {input.extent(0), 3}, input.device());
  }
  std::string description() const override { return "ThreeAreOne"; }

 private:
  const nn::DeviceImages& images_;
};

// Of 0..9 with labels i mod 3: 0, 3, 9 are right (6 is called 1), and 4 is right.
TEST_P(LoaderTest, EvaluationCountsEachImageOnce) {
  const nn::DeviceDataset data(numbered(10), device());
  ThreeAreOne model(data.test);
  for (int64_t batch_size : {1, 3, 4, 10, 1000})
    EXPECT_DOUBLE_EQ(nn::evaluate(model, data.test, batch_size), 0.4) << batch_size;
  EXPECT_TRUE(model.training());
}

TEST(LoaderErrorTest, SaysWhatDoesNotFit) {
  const nn::DeviceDataset data(numbered(10), Device::cpu);
  EXPECT_TRUE(fails("between 1 and the 10 images of the set, got 11",
                    [&] { nn::Loader(data.train, {.batch_size = 11}); }));
  EXPECT_TRUE(fails("got 0", [&] { nn::Loader(data.train, {.batch_size = 0}); }));
  nn::ReLU model;
  EXPECT_TRUE(fails("evaluate: the batch size must be at least 1",
                    [&] { nn::evaluate(model, data.test, 0); }));
}

}  // namespace
}  // namespace strata::test
