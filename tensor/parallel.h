// Threads of the CPU kernels: one pool, started once, awake between the kernels of a step.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace strata {

/// How many threads CPU kernels use. The default is `cores_available()`.
int thread_count();

/// Throws `usage` unless 1 <= count <= 1024. Not to be called while a kernel runs.
void set_thread_count(int count);

/// What `parallel_for` calls: any function of (begin, end), referred to and not copied, so that a
/// call allocates nothing.
class RangeBody {
 public:
  template <std::invocable<int64_t, int64_t> Body>
  requires(!std::same_as<std::remove_cvref_t<Body>, RangeBody>) RangeBody(Body&& body)
      : body_(const_cast<void*>(static_cast<const void*>(std::addressof(body)))),
        call_([](void* body, int64_t begin, int64_t end) {
          (*static_cast<std::remove_reference_t<Body>*>(body))(begin, end);
        }) {}

  void operator()(int64_t begin, int64_t end) const { call_(body_, begin, end); }

 private:
  void* body_;
  void (*call_)(void* body, int64_t begin, int64_t end);
};

/// Calls `body(begin, end)` over disjoint ranges that cover [0, count), on all threads, and returns
/// when all are done. Ranges but the last hold at least `grain` items, so that small work stays on
/// the caller's thread. A range must not depend on how [0, count) was cut: results then do not
/// depend on the number of threads. The first exception of a range is thrown again here. A call
/// from inside a range, or while another thread's call is under way, runs on the caller's thread
/// alone.
void parallel_for(int64_t count, int64_t grain, RangeBody body);

}  // namespace strata
