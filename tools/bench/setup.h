// What a measurement is made under, and what all of them share.
#pragma once

#include <string>

#include "examples/train_mnist/options.h"
#include "nn/dataset.h"
#include "nn/loader.h"
#include "ops/settings.h"

namespace strata::bench {

using train_mnist::ModelKind;

/// captured: as CUDA graphs; eager: every kernel launched by the host.
enum class Launch { captured, eager };

std::string_view name_of(ModelKind model);
std::string_view name_of(Launch launch);

struct Configuration {
  ModelKind model = ModelKind::lenet;
  int64_t batch_size = 256;
  Kernels kernels = Kernels::own;
  Precision precision = Precision::fp32;
  Launch launch = Launch::captured;

  Settings settings() const { return {.kernels = kernels, .precision = precision}; }
  /// "lenet, batch 256, own, tf32, captured"
  std::string to_string() const;
};

/// How long and how often to measure.
struct Blocks {
  int repeats = 9;       // blocks, whose median and spread are reported
  double seconds = 0.1;  // a block's length, reached by its number of steps or calls
  int64_t steps = 0;     // a block's number of steps; 0: as many as fill the time
};

/// The training data on its device: inputs are there before the clock starts.
struct Data {
  nn::Dataset dataset;
  nn::DeviceDataset on_device;

  /// `folder` holds IDX files, "digits" are drawn; empty: MNIST where it is found, else digits.
  Data(const std::string& folder, Device device);
  Device device() const { return on_device.train.images.device(); }
};

}  // namespace strata::bench
