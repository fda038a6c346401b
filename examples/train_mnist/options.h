// The command line of train_mnist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "nn/schedule.h"
#include "ops/cpu/instructions.h"
#include "ops/settings.h"
#include "tensor/device.h"

namespace strata::train_mnist {

enum class DeviceChoice { automatic, cpu, gpu };
enum class ModelKind { lenet, mlp };
enum class OptimizerKind { adam, sgd };

struct Options {
  DeviceChoice device = DeviceChoice::automatic;
  int threads = 0;                           // CPU threads; 0: the cores this process may use
  std::optional<Instructions> instructions;  // of the CPU; unset: the best it has
  int64_t memory_limit_mb = 0;               // of the device's memory; 0: all there is
  bool graph = true;                         // on the GPU, the step as a CUDA graph
  int64_t steps_per_launch = 10;             // of that graph
  std::optional<std::string> data;           // a folder of IDX files, or "digits"
  ModelKind model = ModelKind::lenet;
  int64_t epochs = 0;  // 0: default_epochs
  int64_t batch_size = 192;
  OptimizerKind optimizer = OptimizerKind::adam;
  std::optional<double> learning_rate;  // unset: default_learning_rate
  nn::ScheduleKind schedule = nn::ScheduleKind::one_cycle;
  uint64_t seed = 1;
  Kernels kernels = Kernels::automatic;
  Precision precision = Precision::tf32;
  bool tune = false;
  std::optional<double> target_accuracy;  // percent; unset: default_target
  std::string json;                       // empty: no report
  bool xray = false;                      // look into a step instead of training
  bool compare_kernels = false;           // compare rungs instead of training
  std::string xray_page, xray_trace;      // empty: none
  int xray_depth = 4;                     // levels of the tree that is printed
  bool quiet = false;
  bool verbose = false;
};

/// The options, or the exit code of a command line that ends the program: 0 after --help and
/// --version, 2 after a usage error, whose message has been printed to standard error.
std::variant<Options, int> parse_options(int argc, char** argv);

/// Passes over MNIST that take some seconds at most: 4 on a GPU; 2 on the CPU, enough for 99 %.
int64_t default_epochs(Device device);

/// The peak learning rate of an optimizer: 0.008 for Adam, 0.1 for SGD.
double default_learning_rate(OptimizerKind optimizer);

}  // namespace strata::train_mnist
