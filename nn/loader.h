// Image sets that live on the device, and the batches drawn from them there: per step, nothing
// crosses the bus.
#pragma once

#include <cstdint>

#include "nn/dataset.h"
#include "ops/gather_batch.h"
#include "tensor/tensor.h"

namespace strata::nn {

/// One split on a device.
struct DeviceImages {
  Tensor images;  // uint8 (count, height, width, channels)
  Tensor labels;  // uint8 (count)
  /// A pixel becomes (pixel / 255 - mean) / deviation.
  float mean = 0, deviation = 1;

  int64_t count() const { return images.extent(0); }
  /// Images [begin, begin + count), the same memory.
  DeviceImages slice(int64_t begin, int64_t count) const;
};

/// Both splits, scaled by mean and standard deviation over all pixels of the training images (1 for
/// images without contrast).
struct DeviceDataset {
  DeviceImages train, test;

  DeviceDataset(const Dataset& dataset, Device device);
};

struct Batch {
  Tensor images;  // float32 (N, height, width, channels)
  Tensor labels;  // int32 (N)
};

/// All images, in their order.
Batch whole_batch(const DeviceImages& images);

struct LoaderOptions {
  int64_t batch_size = 256;
  uint64_t seed = 1;
  bool shuffle = true;
};

/// Every epoch visits each image, in an order of its own. A last batch that the images do not fill
/// is completed with those that the epoch began with.
class Loader {
 public:
  /// Throws `invalid_argument` unless 1 <= batch_size <= count.
  Loader(const DeviceImages& images, const LoaderOptions& options);

  /// The batch of a step, an int32 (1) on the device, counted from 0 through all epochs.
  Batch batch(const Tensor& step) const;
  /// Overwrites `batch` with that of the step after `step`.
  void draw_next(const Tensor& step, Batch& batch) const;
  int64_t batch_size() const { return options_.batch_size; }
  int64_t steps_per_epoch() const {
    return (images_.count() + options_.batch_size - 1) / options_.batch_size;
  }
  Device device() const { return images_.images.device(); }

 private:
  ops::GatherOptions order() const;

  DeviceImages images_;
  LoaderOptions options_;
};

}  // namespace strata::nn
