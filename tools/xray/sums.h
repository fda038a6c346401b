// Where a view's time went.
#pragma once

#include "tools/xray/xray.h"

namespace strata::xray {

/// Nanoseconds in which at least one of the intervals holds, within [0, limit].
int64_t covered(std::vector<std::pair<int64_t, int64_t>> intervals, int64_t limit);

/// The host's time by layer. A moment counts for the innermost node that holds it: steps to rungs
/// as "framework", a rung of the CPU as "kernels", a call that waits for the GPU as "waiting", and
/// so the phase that is there for it.
Sums host_sums(const View& view);
/// The GPU's time: busy when anything runs there.
Sums gpu_sums(const View& view);
/// See View::named.
double named_share(const View& view);
/// Whether a call of this name waits for the GPU.
bool waits_for_gpu(std::string_view call);

/// What is beneath each node, by id: the GPU's work in it.
struct Beneath {
  int64_t gpu = 0;  // nanoseconds of work, added up
  int calls = 0;    // of the runtime and the driver
  int works = 0;    // kernels, copies and fills
};
std::map<int64_t, Beneath> beneath(const View& view);

}  // namespace strata::xray
