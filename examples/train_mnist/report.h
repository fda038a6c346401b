// The words around a training run: the header, the verdict and the JSON report. All three say the
// same facts.
#pragma once

#include <string>

#include "examples/train_mnist/run.h"

namespace strata::train_mnist {

/// What runs where, versions and files of the libraries that were loaded, the rung of each op that
/// has run, and the model's layers as nn::summary lists them.
void print_header(const Run& run, const Results& results, const std::string& layers);

/// The last line: accuracy, time, PASS or FAIL.
std::string verdict(const Run& run, const Results& results, double total_seconds);

/// The report that --json asks for.
std::string json_report(const Run& run, const Results& results, double total_seconds);

}  // namespace strata::train_mnist
