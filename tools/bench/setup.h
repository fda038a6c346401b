// What a measurement is made under, and what all of them share.
#pragma once

#include <string>

#include "examples/train_mnist/models.h"
#include "nn/dataset.h"
#include "nn/loader.h"
#include "ops/settings.h"

namespace strata::bench {

using train_mnist::ModelKind;

/// captured: as CUDA graphs; eager: every kernel launched by the host.
enum class Launch { captured, eager };

std::string_view name_of(ModelKind model);
/// Throws `usage` for a name that is none.
ModelKind model_named(std::string_view name);
std::string_view name_of(Launch launch);

struct Configuration {
  ModelKind model = ModelKind::lenet;
  int64_t batch_size = 256;
  Kernels kernels = Kernels::own;
  Precision precision = Precision::fp32;
  Launch launch = Launch::captured;
  int threads = 0;    // of the CPU; 0: on a GPU
  int64_t width = 0;  // outputs of mlp's hidden layers; 0: as train_mnist has them

  Settings settings() const { return {.kernels = kernels, .precision = precision}; }
  train_mnist::MlpWidths widths() const {
    return width > 0 ? train_mnist::MlpWidths{width, width} : train_mnist::MlpWidths{};
  }
  /// "lenet", "mlp", "mlp 4096"
  std::string model_name() const;
  /// "lenet, batch 256, own, tf32, captured", "lenet, batch 256, own, fp32, eager, threads: 2"
  std::string to_string() const;
};

/// How long and how often to measure.
struct Blocks {
  int repeats = 9;       // blocks, whose median and spread are reported
  double seconds = 0.1;  // a block's length, reached by its number of steps or calls
  int64_t steps = 0;     // a block's number of steps; 0: as many as fill the time
};

/// Of the CPU; 0, on a GPU, changes nothing.
void use_threads(int count);

/// The training data on its device: inputs are there before the clock starts.
struct Data {
  nn::Dataset dataset;
  nn::DeviceDataset on_device;

  /// `folder` holds IDX files, "digits" are drawn; empty: MNIST where it is found, else digits.
  Data(const std::string& folder, Device device);
  Device device() const { return on_device.train.images.device(); }
};

}  // namespace strata::bench
