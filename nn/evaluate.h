// How good a model is on images it was not trained on.
#pragma once

#include "nn/loader.h"
#include "nn/module.h"

namespace strata::nn {

/// The fraction of images whose largest output is that of their label, in evaluation mode, each
/// image counted once. Waits for the device once, at the end. Throws `invalid_argument` unless
/// batch_size >= 1 and there are images.
double evaluate(Module& model, const DeviceImages& images, int64_t batch_size = 1000);

}  // namespace strata::nn
