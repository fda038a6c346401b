#include "tensor/pool.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "tensor/build_config.h"
#include "tensor/cuda/memory.h"
#include "tensor/error.h"

namespace strata {
namespace {

thread_local MemoryUse current_use = MemoryUse::activations;

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
  std::lock_guard lock(mutex_);
  void* block;
  if (auto& list = free_[rounded]; !list.empty()) {
    block = list.back();
    list.pop_back();
  } else {
    block = take_from_system(rounded, bytes);
  }
  live_[block] = {rounded, use};
  report_.in_use[static_cast<int>(use)] += rounded;
  report_.total_in_use += rounded;
  report_.peak_in_use = std::max(report_.peak_in_use, report_.total_in_use);
  return block;
}

void* Pool::take_from_system(size_t bytes, size_t requested) {
  void* block = nullptr;
  if (report_.reserved + bytes <= limit_) block = source_.allocate(bytes);
  if (!block) {  // free blocks of other sizes may make room
    trim_locked();
    if (report_.reserved + bytes <= limit_) block = source_.allocate(bytes);
  }
  if (!block)
    fail(ErrorKind::out_of_memory, "{} memory: {:.1f} MB more cannot be had; in use: {}", device_,
         megabytes(requested), report_.to_string());
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
  free_[info.bytes].push_back(block);
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
