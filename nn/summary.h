// A model as a table for the reader.
#pragma once

#include <string>

#include "nn/module.h"

namespace strata::nn {

/// One line per layer in the order of the forward pass (name, description, shape of its output for
/// one example, number of parameters), then the total. Runs the model in evaluation mode on one
/// example of zeros of `input_shape`, which leaves out the axis of examples: {28, 28, 1}. Throws
/// what the layers throw when such an input does not fit them.
std::string summary(Module& model, const Shape& input_shape);

/// How many numbers are trained.
int64_t count_parameters(const Module& model);

/// Where the model's parameters live; the CPU for a model without any.
Device device_of(const Module& model);

}  // namespace strata::nn
