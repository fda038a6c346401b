// --compare-kernels: the same steps on every rung, instead of training.
#pragma once

#include "examples/train_mnist/run.h"

namespace strata::train_mnist {

/// Runs the same steps on every rung that is here, which on --device cpu are the CPU's only; says
/// how far each is from the plain loops, and what each layer of the network costs on it. Throws
/// `device` at the first tensor that is off.
void compare_kernels(const Run& run);

}  // namespace strata::train_mnist
