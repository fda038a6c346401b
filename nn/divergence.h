// Finding where a training step leaves the finite numbers.
#pragma once

#include <string>

#include "nn/flat_parameters.h"
#include "nn/loader.h"

namespace strata::nn {

/// Runs forward and backward on the batch and names the first tensor that holds a NaN or an
/// infinity: a parameter ("parameter conv1.weight"), else in the order of the pass a layer's output
/// ("output of conv2 (Conv2D 3x3 -> 32)"), else "loss", else a gradient ("gradient of
/// conv1.weight"). Says so when all are finite.
std::string first_bad_tensor(Module& model, FlatParameters& parameters, const Batch& batch);

}  // namespace strata::nn
