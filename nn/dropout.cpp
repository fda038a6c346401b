#include "nn/dropout.h"

#include "ops/dropout.h"

namespace strata::nn {

// Stream 0 of ops::dropout overlaps with the streams of the parameters.
Dropout::Dropout(Builder& builder, double rate)
    : rate_(rate), seed_(builder.seed), stream_(builder.take_stream() + 1) {
  check(rate >= 0 && rate < 1, "Dropout: the rate must lie in [0, 1), got {}", rate);
}

Tensor Dropout::forward(const Tensor& input) {
  if (!training()) return input;
  check(step().defined(),
        "Dropout: call the model's set_step() with the step counter before training");
  return ops::dropout(input, rate_, {.seed = seed_, .stream = stream_, .step = step()});
}

}  // namespace strata::nn
