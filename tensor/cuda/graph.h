// A CUDA graph: GPU work that is recorded once and then launched as a whole, for the price of one
// launch and about a microsecond a kernel. Needs no CUDA header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tensor/owned.h"
#include "tensor/pool.h"

struct CUgraphExec_st;
struct CUevent_st;

namespace strata::cuda {

class Graph {
 public:
  /// Records what `work` queues on stream(), branches included, and runs nothing of it. `work` must
  /// not wait for the GPU, and what it uses for the first time (kernels, libraries) should have run
  /// before. Blocks that it allocates come from the current ArenaScope, or from an arena of the
  /// graph's own; the graph keeps the arena. An exception of `work` passes through; one of kind
  /// `device` says what CUDA could not record. The stream can be used again either way.
  static Graph capture(const std::function<void()>& work);

  /// Queues the whole work on stream().
  void launch() const;
  /// Kernels, copies and fills.
  int64_t nodes() const { return nodes_; }

 private:
  Graph() = default;

  std::shared_ptr<Arena> memory_;
  Owned<CUgraphExec_st*> executable_;
  int64_t nodes_ = 0;
};

/// Keeps the host from running far ahead of the GPU.
class RunAhead {
 public:
  /// Throws `invalid_argument` unless limit >= 1.
  explicit RunAhead(int limit);
  /// Marks the end of what has been queued; waits until at most `limit` marks, this one included,
  /// have not been reached.
  void mark();

 private:
  std::vector<Owned<CUevent_st*>> events_;
  size_t next_ = 0;
};

}  // namespace strata::cuda
