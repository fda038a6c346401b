#include "tensor/cuda/graph.h"

#include <cuda_runtime_api.h>

#include "tensor/cuda/branches.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

using Recorded = Owned<cudaGraph_t>;

Recorded own(cudaGraph_t graph) {
  return graph ? Recorded(graph, [](cudaGraph_t handle) noexcept { cudaGraphDestroy(handle); })
               : Recorded();
}

/// Ends a capture that `work` has broken off, so that the stream is good for other work.
void abandon_capture() noexcept {
  try {
    join_branches();
  } catch (const Error&) {  // the capture is broken already
  }
  stop_branching();
  cudaGraph_t recorded = nullptr;
  cudaStreamEndCapture(main_stream(), &recorded);
  own(recorded);
  cudaGetLastError();  // it would be reported again by the next launch
  stream();            // what was queued last was not queued
}

Recorded record(const std::function<void()>& work) {
  start_branching();
  // Only this thread is bound to what a capture allows: others may prepare data meanwhile.
  const cudaError_t begun = cudaStreamBeginCapture(main_stream(), cudaStreamCaptureModeThreadLocal);
  if (begun != cudaSuccess) stop_branching();
  check_cuda(begun, "cudaStreamBeginCapture");
  try {
    work();
    join_branches();
  } catch (...) {
    abandon_capture();
    throw;
  }
  stop_branching();
  cudaGraph_t recorded = nullptr;
  const cudaError_t status = cudaStreamEndCapture(main_stream(), &recorded);
  Recorded graph = own(recorded);
  if (status != cudaSuccess) {
    cudaGetLastError();
    fail(ErrorKind::device,
         "CUDA: this work cannot be recorded as a graph: cudaStreamEndCapture returned {} ({}); "
         "something in it waited for the GPU or went to another stream",
         cudaGetErrorName(status), cudaGetErrorString(status));
  }
  return graph;
}

}  // namespace

Graph Graph::capture(const std::function<void()>& work) {
  check(!capturing(), "a CUDA graph cannot be recorded while another one is");
  Graph graph;
  graph.memory_ = ArenaScope::current();
  if (!graph.memory_) graph.memory_ = std::make_shared<Arena>(pool_of(Device::gpu));
  const ArenaScope memory(graph.memory_);
  const Recorded recorded = record(work);

  size_t nodes = 0;
  STRATA_CUDA(cudaGraphGetNodes(recorded.get(), nullptr, &nodes));
  graph.nodes_ = static_cast<int64_t>(nodes);
  cudaGraphExec_t executable = nullptr;
  STRATA_CUDA(cudaGraphInstantiate(&executable, recorded.get(), 0));
  graph.executable_ = {executable,
                       [](cudaGraphExec_t handle) noexcept { cudaGraphExecDestroy(handle); }};
  STRATA_CUDA(cudaGraphUpload(executable, stream()));
  return graph;
}

void Graph::launch() const {
  STRATA_CUDA(cudaGraphLaunch(executable_.get(), stream()));
}

RunAhead::RunAhead(int limit) {
  check(limit >= 1, "RunAhead: the limit must be at least 1, got {}", limit);
  for (int i = 0; i < limit; ++i) {
    cudaEvent_t event = nullptr;
    STRATA_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    events_.push_back({event, [](cudaEvent_t handle) noexcept { cudaEventDestroy(handle); }});
  }
}

// An event that was never recorded counts as reached.
void RunAhead::mark() {
  STRATA_CUDA(cudaEventSynchronize(events_[next_].get()));
  STRATA_CUDA(cudaEventRecord(events_[next_].get(), stream()));
  next_ = (next_ + 1) % events_.size();
}

}  // namespace strata::cuda
