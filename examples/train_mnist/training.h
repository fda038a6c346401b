// The run itself: a rehearsal, the epochs, an evaluation after each.
#pragma once

#include "examples/train_mnist/run.h"

namespace strata::train_mnist {

/// Trains as `run` says and prints header and progress. Stops after the steps that are under way
/// when Ctrl-C was pressed. Throws `out_of_memory` with the largest batch that would fit, and
/// `diverged` with the step and the first tensor that is not finite.
Results train(const Run& run);

}  // namespace strata::train_mnist
