// Device memory that is asked for once and reused: one pool per device.
//
// A training step asks for the same sizes again and again. The pool rounds sizes up to classes,
// keeps returned blocks in free lists and hands them out again, so after the first steps nothing is
// asked of the driver or the system, which a step captured as a graph could not do. On a GPU a
// block may be reused while its last reader is still queued: all work goes through one stream, so
// the next writer comes after it. What this leaves out: splitting and joining blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "tensor/device.h"

namespace strata {

/// What a block is for; memory reports are by use.
enum class MemoryUse { weights, gradients, optimizer, activations, data, workspace };
inline constexpr int kMemoryUses = 6;
std::string_view name_of(MemoryUse use);

struct MemoryReport {
  std::array<size_t, kMemoryUses> in_use{};  // bytes held by tensors, by use
  size_t total_in_use = 0;                   // bytes held by tensors
  size_t peak_in_use = 0;                    // the most bytes held at once since reset_peak()
  size_t reserved = 0;                       // bytes asked of the system, free lists included
  size_t system_allocations = 0;             // how often the system was asked

  /// "weights 0.9 MB, gradients 0.9 MB, ...", uses that hold nothing left out.
  std::string to_string() const;
};

class Pool {
 public:
  /// Where blocks come from. `allocate` returns null when there is no memory left.
  struct Source {
    void* (*allocate)(size_t bytes);
    void (*release)(void* block) noexcept;
  };

  Pool(Device device, Source source) : device_(device), source_(source) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A block of at least `bytes`, aligned to 64 bytes (CPU) or 256 (GPU). Throws `out_of_memory`
  /// with the report of who holds how much.
  void* allocate(size_t bytes, MemoryUse use);
  void release(void* block) noexcept;

  /// Returns the free lists to the system.
  void trim() noexcept;
  MemoryReport report() const;
  void reset_peak();
  /// No more than this is asked of the system: for sharing a device, and for tests.
  void set_limit(size_t bytes);

 private:
  struct Block {
    size_t bytes;
    MemoryUse use;
  };

  void* take_from_system(size_t bytes, size_t requested);
  void trim_locked() noexcept;

  const Device device_;
  const Source source_;
  mutable std::mutex mutex_;
  std::unordered_map<void*, Block> live_;
  std::map<size_t, std::vector<void*>> free_;
  MemoryReport report_;
  size_t limit_ = SIZE_MAX;
};

/// The pool of a device. Throws `device` when the GPU cannot be used.
Pool& pool_of(Device device);

/// Tensors made while this object lives are booked under `use` (activations without one).
class MemoryScope {
 public:
  explicit MemoryScope(MemoryUse use);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

  static MemoryUse current();

 private:
  MemoryUse previous_;
};

}  // namespace strata
