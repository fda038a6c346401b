#include "tensor/pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "tensor/build_config.h"
#include "tensor/cuda/memory.h"
#include "tensor/error.h"

namespace strata {
namespace {

thread_local MemoryUse current_use = MemoryUse::activations;
thread_local std::shared_ptr<Arena> arena_in_use;

// Four classes per power of two: at most a quarter of a block is wasted, and nearby sizes share.
size_t size_class(size_t bytes) {
  bytes = std::max<size_t>(bytes, 512);
  const size_t step = std::bit_floor(bytes) / 4;
  return (bytes + step - 1) / step * step;
}

double megabytes(size_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

void* allocate_on_cpu(size_t bytes) {
  return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
}
void release_on_cpu(void* block) noexcept {
  std::free(block);
}

}  // namespace

std::string_view name_of(MemoryUse use) {
  constexpr std::string_view kNames[kMemoryUses] = {"weights",     "gradients", "optimizer",
                                                    "activations", "data",      "workspace"};
  return kNames[static_cast<int>(use)];
}

std::string MemoryReport::to_string() const {
  std::string text;
  for (int use = 0; use < kMemoryUses; ++use) {
    if (in_use[use] == 0) continue;
    text += fmt::format("{}{} {:.1f} MB", text.empty() ? "" : ", ",
                        name_of(static_cast<MemoryUse>(use)), megabytes(in_use[use]));
  }
  return text.empty() ? "nothing in use" : text;
}

void* Pool::allocate(size_t bytes, MemoryUse use) {
  const size_t rounded = size_class(bytes);
  std::unique_lock lock(mutex_);
  if (held_bytes_ > hold_limit_) join_held(lock);
  Arena* const home = current_arena();
  void* block = take(rounded, home, lock);
  if (!block)
    fail(ErrorKind::out_of_memory, "{} memory: {:.1f} MB more cannot be had; in use: {}", device_,
         megabytes(bytes), report_.to_string());
  live_[block] = {rounded, use, home};
  report_.in_use[static_cast<int>(use)] += rounded;
  report_.total_in_use += rounded;
  report_.peak_in_use = std::max(report_.peak_in_use, report_.total_in_use);
  return block;
}

Arena* Pool::current_arena() const {
  return arena_in_use && &arena_in_use->pool_ == this ? arena_in_use.get() : nullptr;
}

/// Null when there is no memory left, not even after giving back free blocks of other sizes.
void* Pool::take(size_t bytes, Arena* home, std::unique_lock<std::mutex>& lock) {
  const auto take_any_free = [&] {
    void* block = home ? take_free(home->free_, bytes) : nullptr;
    return block ? block : take_free(free_, bytes);
  };
  void* block = take_any_free();
  if (!block) block = take_from_system(bytes);
  if (!block && join_) {
    join_held(lock);
    block = take_any_free();
  }
  if (!block) {
    trim_locked();
    block = take_from_system(bytes);
  }
  return block;
}

void* Pool::take_free(FreeLists& lists, size_t bytes) {
  const auto list = lists.find(bytes);
  if (list == lists.end() || list->second.empty()) return nullptr;
  void* block = list->second.back();
  list->second.pop_back();
  return block;
}

void* Pool::take_from_system(size_t bytes) {
  if (report_.reserved + bytes > limit_) return nullptr;
  void* block = source_.allocate(bytes);
  if (!block) return nullptr;
  report_.reserved += bytes;
  ++report_.system_allocations;
  return block;
}

void Pool::release(void* block) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = live_.find(block);
  if (found == live_.end()) return;
  const Block info = found->second;
  live_.erase(found);
  report_.in_use[static_cast<int>(info.use)] -= info.bytes;
  report_.total_in_use -= info.bytes;
  if (!join_) return put_back(block, info.bytes, info.home);
  held_.push_back({block, info.bytes, info.home});
  held_bytes_ += info.bytes;
}

void Pool::put_back(void* block, size_t bytes, Arena* home) noexcept {
  (home ? home->free_ : free_)[bytes].push_back(block);
}

void Pool::hold_releases(size_t limit, void (*join)()) {
  std::lock_guard lock(mutex_);
  if (join_) return;
  hold_limit_ = limit;
  join_ = join;
}

void Pool::join_held(std::unique_lock<std::mutex>& lock) {
  void (*const join)() = join_;
  lock.unlock();
  join();
  lock.lock();
}

void Pool::free_held() noexcept {
  std::lock_guard lock(mutex_);
  free_held_locked();
}

void Pool::end_hold() noexcept {
  std::lock_guard lock(mutex_);
  free_held_locked();
  join_ = nullptr;
}

void Pool::free_held_locked() noexcept {
  for (const Held& held : held_) put_back(held.block, held.bytes, held.home);
  held_.clear();
  held_bytes_ = 0;
}

void Pool::trim() noexcept {
  std::lock_guard lock(mutex_);
  trim_locked();
}

void Pool::trim_locked() noexcept {
  for (auto& [bytes, blocks] : free_) {
    for (void* block : blocks) source_.release(block);
    report_.reserved -= bytes * blocks.size();
    blocks.clear();
  }
}

void Pool::close(Arena& arena) noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [bytes, blocks] : arena.free_) {
    auto& list = free_[bytes];
    list.insert(list.end(), blocks.begin(), blocks.end());
  }
  for (auto& [address, block] : live_)
    if (block.home == &arena) block.home = nullptr;
  for (Held& held : held_)
    if (held.home == &arena) held.home = nullptr;
}

MemoryReport Pool::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

void Pool::reset_peak() {
  std::lock_guard lock(mutex_);
  report_.peak_in_use = report_.total_in_use;
}

void Pool::set_limit(size_t bytes) {
  std::lock_guard lock(mutex_);
  limit_ = bytes;
}

// Pools are never destroyed: tensors with static lifetime may outlive any static pool, and at exit
// the system takes everything back at once.
Pool& pool_of(Device device) {
  if (device == Device::gpu) {
    if constexpr (kHasCuda) {
      static Pool& gpu = *new Pool(Device::gpu, {cuda::allocate, cuda::release});
      return gpu;
    }
    fail(ErrorKind::device, "this build has no GPU code: build with -DSTRATA_CUDA=ON");
  }
  static Pool& cpu = *new Pool(Device::cpu, {allocate_on_cpu, release_on_cpu});
  return cpu;
}

ArenaScope::ArenaScope(std::shared_ptr<Arena> arena)
    : previous_(std::exchange(arena_in_use, std::move(arena))) {}
ArenaScope::~ArenaScope() {
  arena_in_use = std::move(previous_);
}
const std::shared_ptr<Arena>& ArenaScope::current() {
  return arena_in_use;
}

MemoryScope::MemoryScope(MemoryUse use) : previous_(current_use) {
  current_use = use;
}
MemoryScope::~MemoryScope() {
  current_use = previous_;
}
MemoryUse MemoryScope::current() {
  return current_use;
}

}  // namespace strata
