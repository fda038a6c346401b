#include "tensor/branch.h"

#include "tensor/build_config.h"
#include "tensor/cuda/branches.h"

namespace strata {

Branch::Branch(bool wanted) {
  if constexpr (kHasCuda) open_ = wanted && cuda::open_branch();
}

Branch::~Branch() {
  if constexpr (kHasCuda)
    if (open_) cuda::close_branch();
}

void join_branches() {
  if constexpr (kHasCuda) cuda::join_branches();
}

bool recording_gpu_work() {
  if constexpr (kHasCuda) return cuda::capturing();
  return false;
}

}  // namespace strata
