// --xray: a look into one training step, instead of training.
#pragma once

#include "examples/train_mnist/run.h"
#include "tensor/output_file.h"

namespace strata::train_mnist {

/// What --xray and --xray-trace write. Throws `usage` for a file that cannot be written.
struct XrayFiles {
  explicit XrayFiles(const Options& options);
  OutputFile page, trace;
};

/// Tries the step as for training, x-rays it, prints the tree and writes the files.
void take_xray(const Run& run, const XrayFiles& files);

}  // namespace strata::train_mnist
