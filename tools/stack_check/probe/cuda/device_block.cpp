#include "tools/stack_check/probe/cuda/device_block.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace strata::stack_probe {
namespace {

constexpr size_t kPatternCount = size_t{1} << 20;

/// The low half of each float, then its high half, as they lie in memory.
std::vector<uint16_t> halves_of(const std::vector<float>& values) {
  std::vector<uint16_t> bits;
  bits.reserve(2 * values.size());
  for (const float value : values) {
    bits.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value)));
    bits.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
  }
  return bits;
}

}  // namespace

DeviceBlock::DeviceBlock(Reporter& report, size_t bytes) : report_(report) {
  sound_ = report_.call("cudaMalloc",
                        [&] { return gpu::allocate(&address_, bytes, gpu::Place::device); });
}

DeviceBlock::DeviceBlock(Reporter& report, const std::vector<float>& values)
    : DeviceBlock(report, values.size() * sizeof(float)) {
  sound_ = sound_ && copy(address_, values.data(), values.size() * sizeof(float));
}

DeviceBlock::DeviceBlock(Reporter& report, size_t bytes, const std::vector<uint16_t>& pattern)
    : DeviceBlock(report, bytes) {
  if (!sound_) return;
  std::vector<uint16_t> all;
  all.reserve(bytes / sizeof(uint16_t) + pattern.size());
  while (all.size() * sizeof(uint16_t) < bytes)
    all.insert(all.end(), pattern.begin(), pattern.end());
  sound_ = copy(address_, all.data(), bytes);
}

DeviceBlock::~DeviceBlock() {
  if (address_) gpu::release(address_, gpu::Place::device);
}

bool DeviceBlock::read(std::vector<float>& values) const {
  return sound_ && copy(values.data(), address_, values.size() * sizeof(float));
}

bool DeviceBlock::copy(void* to, const void* from, size_t bytes) const {
  return report_.call("cudaMemcpy", [&] { return gpu::copy(to, from, bytes); });
}

std::vector<float> test_values(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / (1 << 23) - 1;
  }
  return values;
}

std::vector<uint16_t> test_bits_fp32() {
  return halves_of(test_values(kPatternCount / 2, 7));
}

std::vector<uint16_t> test_bits_bf16() {
  std::vector<uint16_t> bits;
  for (const float value : test_values(kPatternCount, 7))
    bits.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
  return bits;
}

std::vector<uint16_t> test_bits_fp16() {
  constexpr int kMinusOne = 0xbc00, kOne = 0x3c00;  // below it, less: 0x3000 is 0.125
  std::vector<uint16_t> bits;
  for (const float value : test_values(kPatternCount, 7)) {
    const int magnitude = 0x3000 + static_cast<int>(std::abs(value) * (kOne - 0x3000));
    bits.push_back(static_cast<uint16_t>(value < 0 ? magnitude | (kMinusOne & 0x8000) : magnitude));
  }
  return bits;
}

double relative_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  constexpr double kNotANumber = 1e30;  // JSON has no infinity
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(actual[i])) return kNotANumber;
    difference = std::max(difference, std::abs(actual[i] - expected[i]));
    size = std::max(size, std::abs(expected[i]));
  }
  return size > 0 ? difference / size : difference;
}

size_t report_free_memory(Reporter& report) {
  size_t free = 0, total = 0;
  if (report.call("cudaMemGetInfo", [&] { return gpu::memory(free, total); }))
    report.facts({{"memory_free", free}});
  return free;
}

double measure(Reporter& report, const std::function<void()>& queue) {
  constexpr int kWarmUps = 3, kRepeats = 9;
  const auto finished = [&] { return report.call("cudaDeviceSynchronize", gpu::synchronize); };
  for (int i = 0; i < kWarmUps; ++i) queue();
  if (!finished()) return 0;
  const double seconds = gpu::time(queue, kRepeats);
  return finished() && seconds > 0 ? seconds : 0;
}

}  // namespace strata::stack_probe
