#include "nn/loader.h"

#include <atomic>
#include <cmath>

#include "tensor/parallel.h"
#include "tensor/pool.h"

namespace strata::nn {
namespace {

DeviceImages move_to(Device device, const Dataset& dataset, const ImageSet& set) {
  const MemoryScope scope(MemoryUse::data);
  return {.images = Tensor::from(
              set.images, {set.count, dataset.height, dataset.width, dataset.channels}, device),
          .labels = Tensor::from(set.labels, {set.count}, device)};
}

void gather(const DeviceImages& from, const Tensor& step, ops::GatherOptions options,
            Batch& batch) {
  options.scale = 1 / (255 * from.deviation);
  options.offset = -from.mean / from.deviation;
  ops::gather_batch(from.images, from.labels, step, options, batch.images, batch.labels);
}

Batch gathered(const DeviceImages& from, const Tensor& step, int64_t batch_size,
               const ops::GatherOptions& options) {
  const MemoryScope scope(MemoryUse::data);
  const Shape& shape = from.images.shape();
  const Device device = from.images.device();
  Batch batch{
      .images = Tensor::empty({batch_size, shape[1], shape[2], shape[3]}, DType::float32, device),
      .labels = Tensor::empty({batch_size}, DType::int32, device)};
  gather(from, step, options, batch);
  return batch;
}

struct Moments {
  double mean, deviation;
};

/// Of all bytes, counted as fractions of 255. The sums are integers, hence exact in any order.
Moments moments_of(const std::vector<uint8_t>& pixels) {
  std::atomic<uint64_t> sum = 0, squares = 0;
  parallel_for(static_cast<int64_t>(pixels.size()), 1 << 16, [&](int64_t begin, int64_t end) {
    uint64_t part = 0, part_squares = 0;
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t pixel = pixels[static_cast<size_t>(i)];
      part += pixel;
      part_squares += pixel * pixel;
    }
    sum += part;
    squares += part_squares;
  });
  const double count = static_cast<double>(pixels.size());
  const double mean = static_cast<double>(sum.load()) / count;
  const double variance = static_cast<double>(squares.load()) / count - mean * mean;
  return {mean / 255, variance > 0 ? std::sqrt(variance) / 255 : 1};
}

}  // namespace

DeviceImages DeviceImages::slice(int64_t begin, int64_t count) const {
  DeviceImages part = *this;
  const int64_t pixels = images.shape().product(1, images.rank());
  part.images =
      images.view({count, images.extent(1), images.extent(2), images.extent(3)}, begin * pixels);
  part.labels = labels.view({count}, begin);
  return part;
}

DeviceDataset::DeviceDataset(const Dataset& dataset, Device device)
    : train(move_to(device, dataset, dataset.train)), test(move_to(device, dataset, dataset.test)) {
  check(dataset.train.count >= 1, "dataset {}: there are no training images", dataset.name);
  const Moments moments = moments_of(dataset.train.images);
  for (DeviceImages* part : {&train, &test}) {
    part->mean = static_cast<float>(moments.mean);
    part->deviation = static_cast<float>(moments.deviation);
  }
}

Batch whole_batch(const DeviceImages& images) {
  const Tensor first_step = Tensor::zeros({1}, DType::int32, images.images.device());
  return gathered(images, first_step, images.count(), {.shuffle = false});
}

Loader::Loader(const DeviceImages& images, const LoaderOptions& options)
    : images_(images), options_(options) {
  check(options.batch_size >= 1 && options.batch_size <= images.count(),
        "loader: the batch size must lie between 1 and the {} images of the set, got {}",
        images.count(), options.batch_size);
}

// Parameters draw from streams 0, 1, ... of the run's seed, and so do the epochs' orders: another
// key keeps them apart.
ops::GatherOptions Loader::order() const {
  constexpr uint64_t kShuffleKey = 0x53485546464c45;
  return {.seed = options_.seed ^ kShuffleKey, .shuffle = options_.shuffle};
}

Batch Loader::batch(const Tensor& step) const {
  return gathered(images_, step, options_.batch_size, order());
}

void Loader::draw_next(const Tensor& step, Batch& batch) const {
  ops::GatherOptions options = order();
  options.ahead = 1;
  gather(images_, step, options, batch);
}

}  // namespace strata::nn
