// The command line of stack_check.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "tools/stack_check/catalogue.h"
#include "tools/stack_check/layers.h"

namespace strata::stack_check {

/// Exit codes; 10 to 19 are the layers'.
enum ExitCode { kAllPass = 0, kWarnings = 1, kUsage = 2, kToolError = 3, kNoGpu = 77 };

struct Options {
  std::string json;  // a file, or - for standard output; empty: none
  Layer from = Layer::pci;
  Layer to = Layer::training;
  bool quick = false;
  bool strict = false;
  bool anonymous = false;
  Language language = Language::en;
  std::optional<std::string> explain;
  std::string root = "/";
  std::optional<double> timeout_seconds;
  bool skip_if_no_gpu = false;
  bool list = false;
  std::string probe;  // stack_probe beside this program, unless named
};

/// The options, or the exit code of a command line that ends the program: 0 after --help and
/// --version, 2 after a usage error, whose message has been printed to standard error.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace strata::stack_check
