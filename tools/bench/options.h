// The command line of bench.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ops/cpu/instructions.h"
#include "tools/bench/setup.h"

namespace strata::bench {

struct Options {
  std::optional<Device> device;              // unset: the GPU if it can be used
  std::vector<int> threads;                  // CPU threads, each number by itself; empty: all it has
  std::optional<Instructions> instructions;  // of the CPU; unset: the best it has
  std::string data;                          // as Data takes it
  // Parts; with none of them, all are run.
  bool step = false, ops = false, ceilings = false, host = false;
  bool dense = false;  // only when named
  bool serve = false;
  // Each combination is measured. Empty: what the device's default is.
  std::vector<ModelKind> models = {ModelKind::lenet};
  int64_t width = 0;  // as Configuration has it
  std::vector<int64_t> batch_sizes, dense_batch_sizes;
  std::vector<Kernels> kernels;
  std::vector<Precision> precisions;
  std::vector<Launch> launches;
  Blocks blocks;
  std::string json, markdown;  // files; empty: none
};

/// The options, or the exit code of a command line that ends the program: 0 after --help and
/// --version, 2 after a usage error, whose message has been printed to standard error.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace strata::bench
