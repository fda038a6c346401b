// Threads of the CPU kernels: one pool, started once, asleep between kernels.
#pragma once

#include <cstdint>
#include <functional>

namespace strata {

/// How many threads CPU kernels use. The default is the number of cores this process may run on.
int thread_count();

/// Throws `usage` unless 1 <= count <= 1024. Not to be called while a kernel runs.
void set_thread_count(int count);

/// Calls `body(begin, end)` over disjoint ranges that cover [0, count), on all threads, and returns
/// when all are done. Ranges but the last hold at least `grain` items, so that small work stays on
/// the caller's thread. A range must not depend on how [0, count) was cut: results then do not
/// depend on the number of threads. The first exception of a range is thrown again here. A call
/// from inside a range, or while another thread's call is under way, runs on the caller's thread
/// alone.
void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace strata
