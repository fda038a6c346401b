// Memory of a thread's own, kept from call to call: fresh memory would cost a page fault a page.
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::cpu {

/// What it is for. Each has memory of its own.
enum class Scratch {
  frame,
  grad_frame,
  panels,
  rows,
  band,
  gradients,
  by_filter,
  by_pixel,
  counts
};
inline constexpr int kScratchSlots = 9;

namespace detail {
void* thread_scratch(Scratch slot, size_t bytes);
}

/// `count` numbers of this thread, until its next call with the same slot; what they hold is
/// undefined. At an address that is a multiple of 64.
template <class T = float>
T* thread_scratch(Scratch slot, int64_t count) {
  return static_cast<T*>(detail::thread_scratch(slot, static_cast<size_t>(count) * sizeof(T)));
}

}  // namespace strata::cpu
