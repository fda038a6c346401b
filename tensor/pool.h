// Device memory that is asked for once and reused: one pool per device.
//
// A training step asks for the same sizes again and again. The pool rounds sizes up to classes,
// keeps returned blocks in free lists and hands them out again, so after the first steps nothing is
// asked of the driver or the system, which a step captured as a graph could not do. On a GPU a
// block may be reused while its last reader is still queued: all work goes through one stream, so
// the next writer comes after it. Two things break that order, and each has its means here: work
// beside the stream (hold_releases) and a captured graph, which writes to the same addresses at
// every launch (Arena). What this leaves out: splitting and joining blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
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

class Arena;

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

  /// Returns the free lists to the system; arenas keep theirs.
  void trim() noexcept;

  /// From now on released blocks wait instead of being handed out again: work that is queued beside
  /// the stream may still use them. When more than `limit` bytes wait, or memory runs out, the next
  /// allocation calls `join`, which must see to it that all such work comes before what is queued
  /// next, and then call end_hold() or free_held(). Does nothing while blocks are held already.
  void hold_releases(size_t limit, void (*join)());
  /// What waits may be handed out again; blocks released from now on wait again, or do not.
  void free_held() noexcept;
  void end_hold() noexcept;

  MemoryReport report() const;
  void reset_peak();
  /// No more than this is asked of the system: for sharing a device, and for tests.
  void set_limit(size_t bytes);

 private:
  friend class Arena;
  using FreeLists = std::map<size_t, std::vector<void*>>;

  struct Block {
    size_t bytes;
    MemoryUse use;
    Arena* home;  // null: the pool itself
  };

  struct Held {
    void* block;
    size_t bytes;
    Arena* home;
  };

  Arena* current_arena() const;
  void join_held(std::unique_lock<std::mutex>& lock);
  void* take(size_t bytes, Arena* home, std::unique_lock<std::mutex>& lock);
  static void* take_free(FreeLists& lists, size_t bytes);
  void* take_from_system(size_t bytes);
  void put_back(void* block, size_t bytes, Arena* home) noexcept;
  void free_held_locked() noexcept;
  void trim_locked() noexcept;
  void close(Arena& arena) noexcept;

  const Device device_;
  const Source source_;
  mutable std::mutex mutex_;
  std::unordered_map<void*, Block> live_;
  FreeLists free_;
  std::vector<Held> held_;
  size_t held_bytes_ = 0, hold_limit_ = 0;
  void (*join_)() = nullptr;  // null: nothing is held
  MemoryReport report_;
  size_t limit_ = SIZE_MAX;
};

/// Blocks of a pool that are set apart. While an ArenaScope lives, a block comes from its arena's
/// free lists if it can, otherwise from the pool, and returns to the arena. So a captured graph,
/// whose launches write to the blocks that its recording was given, keeps them: a tensor made
/// outside of the scope never gets one, and trim() leaves them alone. What is allocated inside the
/// scope must not be used across a launch. Free blocks go back to the pool with the arena.
class Arena {
 public:
  explicit Arena(Pool& pool) : pool_(pool) {}
  ~Arena() { pool_.close(*this); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

 private:
  friend class Pool;
  Pool& pool_;
  Pool::FreeLists free_;
};

/// Blocks are allocated in `arena` while this object lives; those of other pools are not concerned.
class ArenaScope {
 public:
  explicit ArenaScope(std::shared_ptr<Arena> arena);
  ~ArenaScope();
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

  /// Null outside of any scope.
  static const std::shared_ptr<Arena>& current();

 private:
  std::shared_ptr<Arena> previous_;
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
