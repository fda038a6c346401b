#include "tensor/recording.h"

#include "tensor/build_config.h"
#include "tensor/cuda/graph.h"
#include "tensor/error.h"

namespace strata {

Recording::Recording(Device device, std::function<void()> work) {
  if (device == Device::cpu) {
    work_ = std::move(work);
  } else {
    if constexpr (kHasCuda)
      graph_ = std::make_shared<const cuda::Graph>(cuda::Graph::capture(work));
  }
}

void Recording::launch() const {
  if (work_) return work_();
  if constexpr (kHasCuda) graph_->launch();
}

int64_t Recording::nodes() const {
  return graph_ ? graph_->nodes() : 0;
}

RunAhead::RunAhead(Device device, int limit) {
  check(limit >= 1, "RunAhead: the limit must be at least 1, got {}", limit);
  if constexpr (kHasCuda)
    if (device == Device::gpu) on_gpu_ = std::make_shared<cuda::RunAhead>(limit);
}

void RunAhead::mark() {
  if constexpr (kHasCuda)
    if (on_gpu_) on_gpu_->mark();
}

}  // namespace strata
