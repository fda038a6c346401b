#include "ops/cpu/scratch.h"

#include <array>
#include <memory>
#include <new>

namespace strata::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};

struct Free {
  void operator()(void* memory) const { ::operator delete(memory, kAlignment); }
};

struct Slot {
  std::unique_ptr<void, Free> memory;
  size_t bytes = 0;
};

}  // namespace

void* detail::thread_scratch(Scratch slot, size_t bytes) {
  thread_local std::array<Slot, kScratchSlots> slots;
  Slot& held = slots[static_cast<size_t>(slot)];
  if (held.bytes < bytes) {
    held.memory.reset(::operator new(bytes, kAlignment));
    held.bytes = bytes;
  }
  return held.memory.get();
}

}  // namespace strata::cpu
