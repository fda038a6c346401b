#include "ops/cuda/conv_stage.h"

namespace strata::cuda::many_channels {

bool supports(const ConvStageGeometry&) {
  return false;
}

void forward(const ConvStageGeometry&, const Tensor&, const Tensor&, const Tensor&, Tensor&,
             Tensor&) {}

void grad_input(const ConvStageGeometry&, const Tensor&, const Tensor&, const Tensor&, Tensor&) {}

void grad_weight(const ConvStageGeometry&, const Tensor&, const Tensor&, const Tensor&, Tensor&,
                 Tensor&) {}

}  // namespace strata::cuda::many_channels
