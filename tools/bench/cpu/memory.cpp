// Copies that do nothing else, at three distances from the core; and what a start of all threads
// costs.
#include <atomic>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "tensor/parallel.h"
#include "tools/bench/cpu.h"
#include "tools/bench/cpu/best_seconds.h"

namespace strata::bench::cpu {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

/// Two pieces of memory whose pages are there.
struct Ends {
  explicit Ends(size_t bytes) : bytes(bytes), from(new char[bytes]), to(new char[bytes]) {
    std::memset(from.get(), 1, bytes);
    std::memset(to.get(), 2, bytes);
  }
  void copy(size_t begin, size_t end) const {
    std::memcpy(to.get() + begin, from.get() + begin, end - begin);
  }

  size_t bytes;
  std::unique_ptr<char[]> from, to;
};

/// All threads copy one piece of memory, each a part of it.
double shared_copy_rate(size_t bytes) {
  constexpr size_t kSlice = kMiB / 4;
  const Ends ends(bytes / kSlice * kSlice);
  const double seconds = best_seconds([&] {
    parallel_for(static_cast<int64_t>(ends.bytes / kSlice), 1, [&](int64_t begin, int64_t end) {
      ends.copy(static_cast<size_t>(begin) * kSlice, static_cast<size_t>(end) * kSlice);
    });
  });
  return 2.0 * static_cast<double>(ends.bytes) / seconds;
}

size_t cache_bytes(int index) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
  size_t kilobytes = 0;  // "1024K"
  file >> kilobytes;
  return 1024 * kilobytes;
}

int cache_level(int index) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/level", index));
  int level = 0;
  file >> level;
  return level;
}

}  // namespace

CacheSizes cache_sizes() {
  CacheSizes sizes;
  for (int index = 0; const int level = cache_level(index); ++index) {
    if (level == 2) sizes.l2 = cache_bytes(index);
    if (level == 3) sizes.l3 = cache_bytes(index);
  }
  return sizes;
}

double measure_copy_rate(const CacheSizes& caches) {
  return shared_copy_rate(std::clamp(2 * caches.l3, 64 * kMiB, 512 * kMiB));
}

std::optional<double> measure_l3_copy_rate(const CacheSizes& caches, std::string& why_not) {
  why_not = "the system does not tell the size of a third-level cache";
  if (caches.l3 == 0) return std::nullopt;
  return shared_copy_rate(std::max(caches.l3 / 8, kMiB));  // both ends take a quarter of it
}

std::optional<double> measure_l2_copy_rate(const CacheSizes& caches, std::string& why_not) {
  why_not = "the system does not tell the size of a second-level cache";
  if (caches.l2 == 0) return std::nullopt;
  constexpr int kPasses = 50;
  const size_t bytes = caches.l2 / 4;  // both ends take half of it, and are larger than the first
  const int64_t turns = 4 * thread_count();
  const double seconds = best_seconds([&] {
    parallel_for(turns, 1, [&](int64_t begin, int64_t end) {
      thread_local const Ends ends(bytes);
      for (int64_t pass = begin * kPasses; pass < end * kPasses; ++pass) ends.copy(0, bytes);
    });
  });
  return 2.0 * static_cast<double>(bytes) * kPasses * static_cast<double>(turns) / seconds;
}

double measure_parallel_seconds() {
  constexpr int kCalls = 100;
  const int64_t threads = thread_count();
  // Each waits until all are there, or one would do what there is alone.
  const auto meet = [&](std::atomic<int64_t>& here) {
    return [&](int64_t begin, int64_t end) {
      here += end - begin;
      while (here < threads) std::this_thread::yield();
    };
  };
  return best_seconds([&] {
           for (int call = 0; call < kCalls; ++call) {
             std::atomic<int64_t> here = 0;
             parallel_for(threads, 1, meet(here));
           }
         }) /
         kCalls;
}

}  // namespace strata::bench::cpu
