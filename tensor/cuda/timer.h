// How long the GPU takes for a piece of work; needs no CUDA header.
#pragma once

#include <functional>

namespace strata::cuda {

/// Whether the context's stream records a graph: then nothing can be waited for.
bool is_capturing();

/// Microseconds of one run of `work`, which queues on the context's stream and has run before, so
/// that it asks for no more memory. The runs are recorded as a CUDA graph and replayed, so that
/// what the host takes to queue them does not count: the median of several replays. Waits for the
/// GPU; throws `device`.
double time_work(const std::function<void()>& work);

}  // namespace strata::cuda
