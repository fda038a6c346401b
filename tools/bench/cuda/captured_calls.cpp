#include <cuda_runtime_api.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/owned.h"
#include "tools/bench/gpu.h"

namespace strata::bench::gpu {

struct CapturedCalls::Graph {
  cuda::Owned<cudaGraphExec_t> replay;
};

CapturedCalls::CapturedCalls(const std::function<void()>& call, int count)
    : graph_(std::make_unique<Graph>()), count_(count) {
  cudaGraph_t recorded = nullptr;
  STRATA_CUDA(cudaStreamBeginCapture(cuda::stream(), cudaStreamCaptureModeThreadLocal));
  try {
    for (int i = 0; i < count; ++i) call();
  } catch (...) {
    // The stream must leave capture before anything else can use it; the error that counts is the
    // one under way.
    cudaStreamEndCapture(cuda::stream(), &recorded);
    if (recorded) cudaGraphDestroy(recorded);
    throw;
  }
  STRATA_CUDA(cudaStreamEndCapture(cuda::stream(), &recorded));
  const cuda::Owned<cudaGraph_t> graph(
      recorded, [](cudaGraph_t handle) noexcept { cudaGraphDestroy(handle); });
  cudaGraphExec_t replay = nullptr;
  STRATA_CUDA(cudaGraphInstantiate(&replay, graph.get(), 0));
  graph_->replay = {replay, [](cudaGraphExec_t handle) noexcept { cudaGraphExecDestroy(handle); }};
  STRATA_CUDA(cudaGraphUpload(replay, cuda::stream()));
}

CapturedCalls::~CapturedCalls() = default;

void CapturedCalls::launch() {
  STRATA_CUDA(cudaGraphLaunch(graph_->replay.get(), cuda::stream()));
}

double seconds_between_events(const std::function<void()>& work) {
  const auto make_event = [] {
    cudaEvent_t event = nullptr;
    STRATA_CUDA(cudaEventCreate(&event));
    return cuda::Owned<cudaEvent_t>(event,
                                    [](cudaEvent_t handle) noexcept { cudaEventDestroy(handle); });
  };
  const auto begin = make_event(), end = make_event();
  STRATA_CUDA(cudaEventRecord(begin.get(), cuda::stream()));
  work();
  STRATA_CUDA(cudaEventRecord(end.get(), cuda::stream()));
  STRATA_CUDA(cudaEventSynchronize(end.get()));
  float milliseconds = 0;
  STRATA_CUDA(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
  return milliseconds / 1e3;
}

}  // namespace strata::bench::gpu
