// The two networks that train_mnist offers, sized from the data.
#pragma once

#include <memory>

#include "examples/train_mnist/options.h"
#include "nn/dataset.h"
#include "nn/init.h"
#include "nn/sequential.h"

namespace strata::train_mnist {

/// Outputs of the hidden layers.
struct MlpWidths {
  int64_t first = 512, second = 256;
};

/// `lenet`, for 28 x 28 x 1 images:
///   conv 5x5 -> 24, max-pool 2, ReLU, conv 3x3 -> 32, max-pool 2, ReLU, dense 256, ReLU, dense
/// `mlp`: dense 512, ReLU, dense 256, ReLU, dense, or hidden layers of other widths.
/// The last layer has one output per class. Throws `data` when the images are too small for the
/// model.
std::unique_ptr<nn::Sequential> make_model(ModelKind kind, const nn::Dataset& data,
                                           nn::Builder& builder, const MlpWidths& widths = {});

}  // namespace strata::train_mnist
