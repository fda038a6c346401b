// The kernel's signature of advance_step.
#pragma once

#include "ops/advance_step.h"

namespace strata {

#define STRATA_ADVANCE_STEP_KERNELS \
  void advance_step(const ops::Schedule& schedule, ops::StepState& state);
namespace reference { STRATA_ADVANCE_STEP_KERNELS }
namespace cpu { STRATA_ADVANCE_STEP_KERNELS }
namespace cuda { STRATA_ADVANCE_STEP_KERNELS }
#undef STRATA_ADVANCE_STEP_KERNELS

}  // namespace strata
