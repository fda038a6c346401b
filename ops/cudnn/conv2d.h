// Planning convolutions, which needs no GPU when one is described; running them is
// ops/conv2d_kernels.h.
#pragma once

#include "ops/conv2d_kernels.h"
#include "ops/cudnn/graph.h"

namespace strata::cudnn {

enum class ConvPass { forward, grad_input, grad_weight };

// The tensors of a plan, as named to execute().
inline constexpr int64_t kImage = 1, kFilter = 2, kResult = 3;

/// The plan of one pass; `alignment` in bytes is what all addresses will keep. Throws `device` when
/// cuDNN has no engine that find_plan() may take.
Plan plan_conv2d(ConvPass pass, const Conv2dGeometry& geometry, int64_t alignment,
                 const PlanTarget& target, const PlanRules& rules);

}  // namespace strata::cudnn
