#include "tensor/cuda/timer.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/owned.h"

namespace strata::cuda {
namespace {

using Event = Owned<cudaEvent_t>;
using Graph = Owned<cudaGraph_t>;
using Executable = Owned<cudaGraphExec_t>;

Event make_event() {
  cudaEvent_t created = nullptr;
  STRATA_CUDA(cudaEventCreate(&created));
  return {created, [](cudaEvent_t event) noexcept { cudaEventDestroy(event); }};
}

/// Ends the stream's capture also when the work throws, and drops what was captured then.
Graph capture(const std::function<void()>& work, int repeats) {
  // Relaxed: a library may ask for what a capture usually forbids, such as memory of its own.
  STRATA_CUDA(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));
  const auto end = [] {
    cudaGraph_t captured = nullptr;
    const cudaError_t status = cudaStreamEndCapture(stream(), &captured);
    return std::pair(status, Graph(captured, [](cudaGraph_t graph) noexcept {
                       if (graph) cudaGraphDestroy(graph);
                     }));
  };
  try {
    for (int i = 0; i < repeats; ++i) work();
  } catch (...) {
    end();
    cudaGetLastError();  // of the invalidated capture
    throw;
  }
  auto [status, graph] = end();
  if (status != cudaSuccess) cudaGetLastError();
  check_cuda(status, "cudaStreamEndCapture");
  return std::move(graph);
}

Executable instantiate(const Graph& graph) {
  cudaGraphExec_t created = nullptr;
  STRATA_CUDA(cudaGraphInstantiate(&created, graph.get(), 0));
  return {created, [](cudaGraphExec_t executable) noexcept { cudaGraphExecDestroy(executable); }};
}

double microseconds_between(const Event& start, const Event& stop) {
  float milliseconds = 0;
  STRATA_CUDA(cudaEventSynchronize(stop.get()));
  STRATA_CUDA(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
  return 1e3 * milliseconds;
}

/// Once, with what the host takes to queue it.
double time_once(const std::function<void()>& work, const Event& start, const Event& stop) {
  STRATA_CUDA(cudaEventRecord(start.get(), stream()));
  work();
  STRATA_CUDA(cudaEventRecord(stop.get(), stream()));
  return microseconds_between(start, stop);
}

}  // namespace

bool is_capturing() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  STRATA_CUDA(cudaStreamIsCapturing(stream(), &status));
  return status != cudaStreamCaptureStatusNone;
}

double time_work(const std::function<void()>& work) {
  constexpr double kReplay = 400;  // microseconds: the clock's steps and the launch are lost in it
  constexpr int kMostRepeats = 20;
  const Event start = make_event(), stop = make_event();
  const double once = time_once(work, start, stop);
  const int repeats = static_cast<int>(std::clamp<double>(kReplay / once, 1, kMostRepeats));
  const Graph graph = capture(work, repeats);
  const Executable executable = instantiate(graph);
  const auto replay = [&] { STRATA_CUDA(cudaGraphLaunch(executable.get(), stream())); };
  replay();  // uploads the graph
  std::array<double, 5> times{};
  for (double& time : times) time = time_once(replay, start, stop) / repeats;
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace strata::cuda
