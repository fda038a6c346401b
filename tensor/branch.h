// Work beside the main line of a recording: what a step's other kernels need not wait for, such as
// the gradient of a weight, may run next to them on the GPU.
#pragma once

namespace strata {

/// While one lives inside a recording (recording.h), GPU work goes to a line of its own, which
/// starts from all that has been queued so far; afterwards work goes on where it was, without
/// waiting. What the branch writes may be read, and what it reads may be overwritten, after
/// join_branches() only. Its memory is safe: blocks released before the join are not handed out
/// again before it. Outside of a recording, inside another branch and on the CPU it does nothing:
/// the work is done in the order of the program, with the same bits.
class Branch {
 public:
  /// Does nothing unless `wanted`.
  explicit Branch(bool wanted = true);
  ~Branch();
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;

 private:
  bool open_ = false;
};

/// Work queued from now on comes after that of all branches so far.
void join_branches();

/// Whether GPU work is being recorded instead of run.
bool recording_gpu_work();

}  // namespace strata
