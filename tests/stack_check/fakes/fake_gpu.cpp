// gpu.h without a GPU: memory of the host, kernels as loops, and times of a healthy H100. Every
// function answers by its name in the CUDA runtime (fake.h).
#include "tools/stack_check/probe/gpu.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/stack_check/fakes/card.h"
#include "tests/stack_check/fakes/fake.h"
#include "tests/stack_check/fakes/fake_gpu.h"

namespace strata::stack_probe::gpu {
namespace {

using namespace strata::fakes;

constexpr int kOutOfMemory = 2, kOldDriver = 35, kNoDevice = 100, kInvalidDevice = 101;
constexpr int kNoKernel = 209;
constexpr double kLinkBytesPerSecond = 50e9, kMemoryBytesPerSecond = 3e12;
/// Larger copies are counted but not made: nothing but their time is looked at, and blocks that
/// nobody writes to take no memory of the testing machine.
constexpr size_t kLargestCopy = size_t{16} << 20;

struct Held {
  size_t bytes;
  Place place;
};
std::map<const void*, Held> held;
double spent = 0;  // seconds of work that has been modelled

Status status_of(int code) {
  static const std::map<int, std::pair<const char*, const char*>> known = {
      {2, {"cudaErrorMemoryAllocation", "out of memory"}},
      {35,
       {"cudaErrorInsufficientDriver",
        "CUDA driver version is insufficient for CUDA runtime version"}},
      {46, {"cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"}},
      {100, {"cudaErrorNoDevice", "no CUDA-capable device is detected"}},
      {101, {"cudaErrorInvalidDevice", "invalid device ordinal"}},
      {209,
       {"cudaErrorNoKernelImageForDevice",
        "no kernel image is available for execution on the device"}},
      {214, {"cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"}},
      {221, {"cudaErrorJitCompilerNotFound", "PTX JIT compiler library not found"}},
      {222,
       {"cudaErrorUnsupportedPtxVersion",
        "the provided PTX was compiled with an unsupported toolchain."}}};
  const auto found = known.find(code);
  if (found == known.end()) return {.code = code};
  return {.code = code, .name = found->second.first, .words = found->second.second};
}

bool on_device(const void* block) {
  auto after = held.upper_bound(block);
  if (after == held.begin()) return false;
  const auto& [start, what] = *--after;
  return what.place == Place::device &&
         static_cast<const char*>(block) < static_cast<const char*>(start) + what.bytes;
}

size_t device_bytes_held() {
  size_t total = 0;
  for (const auto& [block, what] : held) total += what.place == Place::device ? what.bytes : 0;
  return total;
}

Status run_saxpy(const char* name, const float* x, float* y, int count) {
  if (const int code = fake_answer(name)) return status_of(code);
  for (int i = 0; i < count; ++i) y[i] += 2 * x[i];
  if (count > 0 && fake_wrong(name)) y[count / 2] += 1;
  return {};
}

}  // namespace

int runtime_version() {
  return static_cast<int>(fake_number("FAKE_RUNTIME_CUDA", 13000));
}

std::vector<int> sass_architectures() {
  std::vector<int> architectures;
  for (const std::string& text : fake_split(fake_text("FAKE_SASS", "90"), ','))
    architectures.push_back(std::atoi(text.c_str()));
  return architectures;
}

int ptx_architecture() {
  return static_cast<int>(fake_number("FAKE_PTX", 75));
}

Status driver_version(int& version) {
  version = fake_driver_cuda();
  return status_of(fake_answer("cudaDriverGetVersion"));
}

Status device_count(int& count) {
  count = 0;
  if (const int code = fake_answer("cudaGetDeviceCount")) return status_of(code);
  if (fake_driver_cuda() / 1000 < runtime_version() / 1000) return status_of(kOldDriver);
  count = static_cast<int>(fake_visible_cards().size());
  return status_of(count > 0 ? 0 : kNoDevice);
}

Status select(int device) {
  if (const int code = fake_answer("cudaSetDevice")) return status_of(code);
  return status_of(device < static_cast<int>(fake_visible_cards().size()) ? 0 : kInvalidDevice);
}

Status properties(int, Properties& properties) {
  const Card card = fake_card();
  properties = {.name = card.name,
                .compute_capability = card.compute_capability,
                .multiprocessors = card.multiprocessors,
                .clock_khz = card.clock_khz,
                .memory_clock_khz = card.memory_clock_khz,
                .memory_bus_bits = card.bus_bits,
                .memory_bytes = card.memory};
  return status_of(fake_answer("cudaGetDeviceProperties"));
}

Status allocate(void** block, size_t bytes, Place place) {
  const bool device = place == Place::device;
  if (const int code = fake_answer(device ? "cudaMalloc" : "cudaMallocHost"))
    return status_of(code);
  if (device && device_bytes_held() + bytes > fake_card().free_memory)
    return status_of(kOutOfMemory);
  *block = std::malloc(std::max<size_t>(bytes, 1));
  if (!*block) return status_of(kOutOfMemory);
  held[*block] = {bytes, place};
  return {};
}

Status release(void* block, Place place) {
  if (const int code = fake_answer(place == Place::device ? "cudaFree" : "cudaFreeHost"))
    return status_of(code);
  held.erase(block);
  std::free(block);
  return {};
}

Status copy(void* to, const void* from, size_t bytes) {
  if (const int code = fake_answer("cudaMemcpy")) return status_of(code);
  const bool within = on_device(to) && on_device(from);
  spent += within ? 2 * bytes / kMemoryBytesPerSecond * fake_slowness("memory")
                  : bytes / kLinkBytesPerSecond * fake_slowness("copy");
  if (bytes > kLargestCopy) return {};
  std::memcpy(to, from, bytes);
  if (bytes > 0 && fake_wrong("cudaMemcpy")) static_cast<char*>(to)[bytes / 2] ^= 1;
  return {};
}

Status synchronize() {
  return status_of(fake_answer("cudaDeviceSynchronize"));
}

Status saxpy(const float* x, float* y, int count) {
  const int capability = fake_card().compute_capability;
  const auto architectures = sass_architectures();
  // Machine code runs on its own generation, from its own minor number on.
  const bool runs = std::any_of(architectures.begin(), architectures.end(), [&](int architecture) {
    return architecture / 10 == capability / 10 && architecture <= capability;
  });
  return runs ? run_saxpy("saxpy", x, y, count) : status_of(kNoKernel);
}

Status saxpy_from_ptx(const float* x, float* y, int count) {
  if (ptx_architecture() > fake_card().compute_capability) return status_of(kNoKernel);
  return run_saxpy("saxpy_from_ptx", x, y, count);
}

double time(const std::function<void()>& queue, int) {
  spent = 0;
  const auto start = std::chrono::steady_clock::now();
  queue();
  const std::chrono::duration<double> measured = std::chrono::steady_clock::now() - start;
  return spent > 0 ? spent : measured.count();
}

Device framework_device() {
  return Device::cpu;
}

}  // namespace strata::stack_probe::gpu

void fake_gpu_spend(double seconds) {
  strata::stack_probe::gpu::spent += seconds;
}
