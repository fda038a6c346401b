#include "tensor/cuda/branches.h"

#include <cuda_runtime_api.h>

#include <array>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/pool.h"

namespace strata::cuda {
namespace {

// Memory that is kept from reuse for the branches' sake. Past this the branches are joined at once:
// kernels on tensors of that size fill the GPU by themselves, so that nothing is lost.
constexpr size_t kHeldLimit = size_t{64} << 20;

struct Side {
  cudaStream_t stream = nullptr;
  cudaEvent_t done = nullptr;
  bool open = false;  // has work that the main stream has not waited for
};

// Lives until the process ends, like the main stream.
struct Branches {
  std::array<Side, 3> sides;
  cudaEvent_t fork = nullptr;
  size_t next = 0;
  Side* current = nullptr;  // where stream() points; null: the main stream
  bool capturing = false;

  // The main line is the longest path of a step: where both want the GPU, it goes first.
  Branches() {
    int lowest = 0, highest = 0;
    STRATA_CUDA(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    for (Side& side : sides) {
      STRATA_CUDA(cudaStreamCreateWithPriority(&side.stream, cudaStreamNonBlocking, lowest));
      STRATA_CUDA(cudaEventCreateWithFlags(&side.done, cudaEventDisableTiming));
    }
    STRATA_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  }

  void fork_to(Side& side) {
    STRATA_CUDA(cudaEventRecord(fork, main_stream()));
    STRATA_CUDA(cudaStreamWaitEvent(side.stream, fork, 0));
    side.open = true;
  }

  void join(Side& side) {
    STRATA_CUDA(cudaEventRecord(side.done, side.stream));
    STRATA_CUDA(cudaStreamWaitEvent(main_stream(), side.done, 0));
    side.open = false;
  }
};

Branches* branches = nullptr;  // null before the first capture

}  // namespace

bool capturing() {
  return branches && branches->capturing;
}

void start_branching() {
  stream();  // the context must be there first
  if (!branches) branches = new Branches;
  branches->capturing = true;
}

void stop_branching() noexcept {
  if (!branches) return;
  for (Side& side : branches->sides) side.open = false;
  branches->capturing = false;
  pool_of(Device::gpu).end_hold();
}

bool open_branch() {
  if (!capturing() || branches->current) return false;
  Side& side = branches->sides[branches->next];
  branches->fork_to(side);
  branches->next = (branches->next + 1) % branches->sides.size();
  branches->current = &side;
  turn_stream_to(side.stream);
  pool_of(Device::gpu).hold_releases(kHeldLimit, join_branches);
  return true;
}

void close_branch() noexcept {
  branches->current = nullptr;
  turn_stream_to(main_stream());
}

// In the middle of a branch (memory ran short) the branch goes on after the join, and so does the
// hold.
void join_branches() {
  if (!capturing()) return;
  for (Side& side : branches->sides)
    if (side.open) branches->join(side);
  if (branches->current) {
    branches->fork_to(*branches->current);
    pool_of(Device::gpu).free_held();
  } else {
    pool_of(Device::gpu).end_hold();
  }
}

}  // namespace strata::cuda
