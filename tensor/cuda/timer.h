// How long the GPU takes for a piece of work; needs no CUDA header.
#pragma once

#include <functional>

namespace strata::cuda {

/// Microseconds of one run of `work`, which has run before and may be captured (graph.h). The runs
/// are captured and replayed, so that what the host takes to queue them does not count: the median
/// of several replays. Waits for the GPU; throws `device`.
double time_work(const std::function<void()>& work);

}  // namespace strata::cuda
