// What one run of train_mnist is about, and what came of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "examples/train_mnist/options.h"
#include "nn/dataset.h"
#include "tensor/device.h"

namespace strata::train_mnist {

/// Settled before training starts.
struct Run {
  Options options;
  Device device = Device::cpu;
  std::string device_note;  // why this device was taken; empty when it was asked for
  nn::Dataset dataset;
  bool drawn = false;     // the program drew the data set itself
  std::string data_note;  // why this data set was taken; empty when it was asked for
  double learning_rate = 0;
  std::optional<double> target;  // percent
  double device_seconds = 0;     // to start the device; the data is read meanwhile
  double data_seconds = 0;       // to read or draw the data
};

/// The step's CUDA graph.
struct Capture {
  int64_t nodes = 0;  // of one step: kernels, copies and fills
  int64_t steps_per_launch = 0;
};

struct Results {
  std::optional<Capture> capture;  // nothing when each kernel was queued by itself
  int64_t steps = 0;
  std::vector<double> loss_per_epoch;           // mean training loss
  std::vector<double> test_accuracy_per_epoch;  // percent
  double train_seconds = 0;                     // the training steps alone
  double upload_seconds = 0;                    // to move the data to the device
  double rehearsal_seconds = 0;                 // to build the model, try a step and record it
  double evaluation_seconds = 0;
  bool interrupted = false;

  double test_accuracy() const {
    return test_accuracy_per_epoch.empty() ? 0 : test_accuracy_per_epoch.back();
  }
};

/// Whether the target was met; nothing when there is none.
std::optional<bool> passed(const Run& run, const Results& results);

/// Settles device, data set, learning rate and target. Throws `device`, `data` or `usage`.
Run prepare(const Options& options);

}  // namespace strata::train_mnist
