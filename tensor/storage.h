// Bytes on one device, taken from its pool and given back by the destructor; and the memory verbs,
// which hide where the bytes are. One of the two seams through which GPU code joins.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/pool.h"

namespace strata {

class Storage {
 public:
  Storage(size_t bytes, Device device, MemoryUse use)
      : device_(device), use_(use), bytes_(bytes), block_(pool_of(device).allocate(bytes, use)) {}
  ~Storage() { pool_of(device_).release(block_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return block_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  MemoryUse use() const { return use_; }

 private:
  Device device_;
  MemoryUse use_;
  size_t bytes_;
  void* block_;
};

/// A typed place in memory, for the verbs below.
struct Location {
  Device device;
  void* address;
};

/// Copies between any two devices. A copy to the CPU from the GPU waits for the GPU's work.
void copy_bytes(Location to, Location from, size_t bytes);
void fill_zero(Location where, size_t bytes);
void fill(Location where, DType dtype, double value, int64_t count);
/// into[i] += value[i]; both on one device, of one floating dtype.
void add_into(Location into, Location value, DType dtype, int64_t count);

}  // namespace strata
