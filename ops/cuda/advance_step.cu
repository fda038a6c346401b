#include "ops/advance_step_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

__global__ void advance_step_kernel(ops::Schedule schedule, int32_t* step, float* learning_rate) {
  const int32_t next = ++*step;
  *learning_rate = schedule.at(next);
}

}  // namespace

void advance_step(const ops::Schedule& schedule, ops::StepState& state) {
  advance_step_kernel<<<1, 1, 0, stream()>>>(schedule, state.step.data<int32_t>(),
                                             state.learning_rate.data<float>());
  check_launch("advance_step");
}

}  // namespace strata::cuda
