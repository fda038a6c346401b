#include "ops/advance_step.h"

#include "ops/advance_step_kernels.h"
#include "ops/dispatch.h"

namespace strata::ops {

StepState first_step(const Schedule& schedule, Device device) {
  const MemoryScope scope(MemoryUse::optimizer);
  return {.step = Tensor::zeros({1}, DType::int32, device),
          .learning_rate = Tensor::from(std::vector<float>{schedule.at(0)}, {1}, device),
          .diverged_at = Tensor::from(std::vector<int32_t>{-1}, {1}, device)};
}

void advance_step(StepState& state, const Schedule& schedule) {
  const Rung rung = choose_rung("advance_step", state.step);
  STRATA_DISPATCH(rung, advance_step, schedule, state);
}

}  // namespace strata::ops
