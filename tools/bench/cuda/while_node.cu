// What a turn of a graph's while node costs: the other way to run several steps by one launch, for
// which the graph holds a single step.
#include <cuda_runtime.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/memory.h"
#include "tensor/owned.h"
#include "tensor/recording.h"
#include "tensor/tensor.h"
#include "tools/bench/gpu.h"

namespace strata::bench::gpu {
namespace {

constexpr int kKernels = 10;  // of a turn, each waiting for the one before
constexpr int kTurns = 200;   // of a launch

__global__ void nothing_kernel() {}

// The last kernel of a turn. Steps that are unrolled count themselves as well, so both chains do
// and their difference is the node alone.
__global__ void count_kernel(int* turns) {
  ++*turns;
}

__global__ void count_and_decide_kernel(int* turns, cudaGraphConditionalHandle go_on) {
  cudaGraphSetConditional(go_on, ++*turns < kTurns);
}

/// All kernels of a turn but the last.
void queue_nothing() {
  for (int i = 1; i < kKernels; ++i) {
    nothing_kernel<<<1, 32, 0, cuda::stream()>>>();
    cuda::check_launch("nothing_kernel");
  }
}

void queue_counted_turn(int* turns) {
  queue_nothing();
  count_kernel<<<1, 1, 0, cuda::stream()>>>(turns);
  cuda::check_launch("count_kernel");
}

/// A graph that sets `turns` to zero and then counts it up to kTurns in a while node.
class Loop {
 public:
  explicit Loop(int* turns) {
    cudaGraph_t graph = nullptr;
    STRATA_CUDA(cudaGraphCreate(&graph, 0));
    graph_ = {graph, [](cudaGraph_t handle) noexcept { cudaGraphDestroy(handle); }};
    cudaGraphConditionalHandle go_on = 0;
    STRATA_CUDA(cudaGraphConditionalHandleCreate(&go_on, graph, 1, cudaGraphCondAssignDefault));
    record_body(add_while(add_reset(turns), go_on), turns, go_on);
    cudaGraphExec_t executable = nullptr;
    STRATA_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    executable_ = {executable,
                   [](cudaGraphExec_t handle) noexcept { cudaGraphExecDestroy(handle); }};
    STRATA_CUDA(cudaGraphUpload(executable, cuda::stream()));
  }

  void launch() const { STRATA_CUDA(cudaGraphLaunch(executable_.get(), cuda::stream())); }

 private:
  cudaGraphNode_t add_reset(int* turns) const {
    const cudaMemsetParams zero{
        .dst = turns, .pitch = 0, .value = 0, .elementSize = sizeof(int), .width = 1, .height = 1};
    cudaGraphNode_t node = nullptr;
    STRATA_CUDA(cudaGraphAddMemsetNode(&node, graph_.get(), nullptr, 0, &zero));
    return node;
  }

  /// The node's body, which it owns.
  cudaGraph_t add_while(cudaGraphNode_t after, cudaGraphConditionalHandle go_on) const {
    cudaGraphNodeParams loop{};
    loop.type = cudaGraphNodeTypeConditional;
    loop.conditional.handle = go_on;
    loop.conditional.type = cudaGraphCondTypeWhile;
    loop.conditional.size = 1;
    cudaGraphNode_t node = nullptr;
    STRATA_CUDA(cudaGraphAddNode(&node, graph_.get(), &after, nullptr, 1, &loop));
    return loop.conditional.phGraph_out[0];
  }

  static void record_body(cudaGraph_t body, int* turns, cudaGraphConditionalHandle go_on) {
    STRATA_CUDA(cudaStreamBeginCaptureToGraph(cuda::stream(), body, nullptr, nullptr, 0,
                                              cudaStreamCaptureModeThreadLocal));
    cudaGraph_t same_body = nullptr;
    try {
      queue_nothing();
      count_and_decide_kernel<<<1, 1, 0, cuda::stream()>>>(turns, go_on);
      cuda::check_launch("count_and_decide_kernel");
    } catch (...) {  // the stream must be good for other work
      cudaStreamEndCapture(cuda::stream(), &same_body);
      throw;
    }
    STRATA_CUDA(cudaStreamEndCapture(cuda::stream(), &same_body));
  }

  Owned<cudaGraph_t> graph_;
  Owned<cudaGraphExec_t> executable_;
};

/// What is used for the first time while it is recorded may not be loaded then; the kernel that
/// decides cannot run outside of a while node.
void load_kernels(int* turns) {
  queue_counted_turn(turns);
  cudaFuncAttributes attributes;
  STRATA_CUDA(cudaFuncGetAttributes(&attributes, count_and_decide_kernel));
}

double while_turn_seconds() {
  constexpr int kLaunches = 5;
  const Tensor counter = Tensor::zeros({1}, DType::int32, Device::gpu);
  int* turns = counter.data<int32_t>();
  load_kernels(turns);
  const Recording unrolled(Device::gpu, [&] {
    cuda::fill_zero(turns, sizeof(int));
    for (int turn = 0; turn < kTurns; ++turn) queue_counted_turn(turns);
  });
  const Loop loop(turns);
  const auto best_of = [](const auto& graph) {
    return best_seconds([&] {
      for (int i = 0; i < kLaunches; ++i) graph.launch();
    });
  };
  const double in_a_row = best_of(unrolled), looped = best_of(loop);
  if (const int made = counter.item<int32_t>(); made != kTurns)
    fail(ErrorKind::device, "CUDA: a while node made {} turns instead of {}", made, kTurns);
  return (looped - in_a_row) / (kTurns * kLaunches);
}

}  // namespace

std::optional<double> measure_while_turn_seconds(std::string& why_not) {
  try {
    return while_turn_seconds();
  } catch (const Error& error) {  // a driver without such nodes
    why_not = error.what();
    cudaGetLastError();  // it would be reported again by the next launch
    return std::nullopt;
  }
}

}  // namespace strata::bench::gpu
