// Work that is described once and done many times: on the GPU a CUDA graph, on the CPU the function
// itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "tensor/device.h"
#include "tensor/pool.h"

namespace strata {

namespace cuda {
class Graph;
class RunAhead;
}  // namespace cuda

class Recording {
 public:
  /// On the GPU runs `work` once to record what it queues, which is done by launch() only; see
  /// cuda::Graph::capture. On the CPU keeps it.
  Recording(Device device, std::function<void()> work);
  /// Does the work, on the GPU without waiting for it.
  void launch() const;
  /// Kernels, copies and fills on the GPU; 0 on the CPU.
  int64_t nodes() const;

 private:
  std::function<void()> work_;                // on the CPU
  std::shared_ptr<const cuda::Graph> graph_;  // on the GPU
};

/// Keeps the host from running far ahead of the GPU, so that a user's Ctrl-C and a look at the
/// results are answered soon. Does nothing on the CPU, which works in step with its host.
class RunAhead {
 public:
  /// Throws `invalid_argument` unless limit >= 1.
  RunAhead(Device device, int limit);
  /// Marks the end of what has been queued; waits until at most `limit` marks, this one included,
  /// have not been reached.
  void mark();

 private:
  std::shared_ptr<cuda::RunAhead> on_gpu_;
};

}  // namespace strata
