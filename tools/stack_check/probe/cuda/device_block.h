// Device memory of a probe, and the numbers that go into it.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/stack_check/probe/gpu.h"

namespace strata::stack_probe {

/// Every step is a reported call of the runtime. False where the memory could not be had or filled;
/// a member called on such a block fails in the same way.
class DeviceBlock {
 public:
  DeviceBlock(Reporter& report, size_t bytes);
  DeviceBlock(Reporter& report, const std::vector<float>& values);
  /// A block of `bytes` that holds `pattern` over and over.
  DeviceBlock(Reporter& report, size_t bytes, const std::vector<uint16_t>& pattern);
  ~DeviceBlock();
  DeviceBlock(const DeviceBlock&) = delete;
  DeviceBlock& operator=(const DeviceBlock&) = delete;

  explicit operator bool() const { return sound_; }
  void* address() const { return address_; }
  float* floats() const { return static_cast<float*>(address_); }
  /// Waits for the work that is queued.
  bool read(std::vector<float>& values) const;

 private:
  bool copy(void* to, const void* from, size_t bytes) const;

  Reporter& report_;
  void* address_ = nullptr;
  bool sound_ = false;
};

/// Numbers in [-1, 1), always the same for a seed.
std::vector<float> test_values(size_t count, uint32_t seed);

/// Bits of small numbers of type bf16 or fp16: speeds are measured on data like a network's, since
/// zeros draw less power and run faster.
std::vector<uint16_t> test_bits_bf16();
std::vector<uint16_t> test_bits_fp16();
std::vector<uint16_t> test_bits_fp32();

/// The largest |actual - expected| over the largest |expected|; 1e30 if something is not a number.
double relative_error(const std::vector<float>& actual, const std::vector<double>& expected);

/// The free memory of the selected GPU as the fact `memory_free`; 0 if it cannot be had.
size_t report_free_memory(Reporter& report);

/// Median seconds of `queue` after a warm-up, 0 if the GPU did not get through it.
double measure(Reporter& report, const std::function<void()>& queue);

}  // namespace strata::stack_probe
