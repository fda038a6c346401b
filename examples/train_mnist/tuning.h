// Which kernels `--kernels auto` and cuDNN's and cuBLASLt's choices among themselves come to: from
// the cache file, measured now (--tune), or the shipped defaults.
#pragma once

#include <string>

#include "examples/train_mnist/run.h"
#include "ops/tuning.h"

namespace strata::train_mnist {

/// The tuner of a run. It reads the cache file, and measures under --tune.
Tuner make_tuner(const Run& run);

/// Where the choices of this run came from, in one line; empty when all are shipped defaults.
std::string tuning_line(const Tuner& tuner);

/// Under --verbose: for every op and shape what was tried, how long each took, which won and by how
/// much, and where the choice came from.
void print_choices(const Run& run, const Tuner& tuner);

}  // namespace strata::train_mnist
