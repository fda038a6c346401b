// The words around a training run: the header, the verdict and the JSON report. All three say the
// same facts.
#pragma once

#include <filesystem>
#include <string>

#include "examples/train_mnist/run.h"
#include "nn/module.h"

namespace strata::train_mnist {

/// What runs where, versions and files of the libraries that were loaded, the rung of each op that
/// has run, and the model's layers.
void print_header(const Run& run, nn::Module& model);

/// The last line: accuracy, time, PASS or FAIL.
std::string verdict(const Run& run, const Results& results, double total_seconds);

/// The report that --json asks for. Nothing is written when no file was named.
class JsonReport {
 public:
  /// Throws `usage` when the file cannot be written, before any time is spent on training.
  explicit JsonReport(const std::string& file);

  /// Writes beside the file and renames, so that a full disk leaves no half report. Throws `usage`.
  void write(const Run& run, const Results& results, double total_seconds);

 private:
  bool in_place_ = false;  // a device or a pipe, which cannot be replaced
  std::filesystem::path file_;
};

}  // namespace strata::train_mnist
