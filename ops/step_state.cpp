#include "ops/step_state.h"

namespace strata::ops {

StepState first_step(const Schedule& schedule, Device device) {
  const MemoryScope scope(MemoryUse::optimizer);
  return {.schedule = schedule,
          .step = Tensor::zeros({1}, DType::int32, device),
          .learning_rate = Tensor::from(std::vector<float>{schedule.at(0)}, {1}, device),
          .diverged_at = Tensor::from(std::vector<int32_t>{-1}, {1}, device)};
}

}  // namespace strata::ops
