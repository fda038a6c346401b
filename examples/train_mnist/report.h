// The words around a training run: the header, the verdict and the JSON report. All three say the
// same facts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/train_mnist/run.h"

namespace strata::train_mnist {

/// ("driver", "580.159.04, for CUDA up to 13.0")
using Facts = std::vector<std::pair<std::string, std::string>>;

/// What runs where: device, versions and files of the libraries that were loaded, the rung of each
/// op that has run.
Facts machine_facts(const Run& run);

/// "lenet"
std::string_view model_name(const Options& options);

/// Those facts, the data, what is trained how, and the model's layers as nn::summary lists them.
void print_header(const Run& run, const Results& results, const std::string& layers);

/// The last line: accuracy, time, PASS or FAIL.
std::string verdict(const Run& run, const Results& results, double total_seconds);

/// The report that --json asks for.
std::string json_report(const Run& run, const Results& results, double total_seconds);

}  // namespace strata::train_mnist
