#include "ops/cuda/compiled_for.h"

#include <algorithm>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

__global__ void any_kernel() {}

int find_capability() {
  cudaFuncAttributes attributes{};
  STRATA_CUDA(cudaFuncGetAttributes(&attributes, any_kernel));
  return std::min(attributes.ptxVersion, device_info().compute_capability);
}

}  // namespace

bool compiled_for(int compute_capability) {
  static const int capability = find_capability();
  return capability >= compute_capability;
}

}  // namespace strata::cuda
