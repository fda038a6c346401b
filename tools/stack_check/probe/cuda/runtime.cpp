// The CUDA runtime and kernels of our own: results checked element by element, then copies and
// memory measured.
#include <algorithm>
#include <string>
#include <vector>

#include "tools/stack_check/probe/gpu.h"
#include "tools/stack_check/probe/loaded_library.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

using gpu::Place;
using nlohmann::json;

constexpr int kElements = 1 << 20;
constexpr size_t kCopyBytes = size_t{256} << 20;
constexpr size_t kMemoryBytes = size_t{1} << 30, kLeastMemoryBytes = size_t{64} << 20;
constexpr int kRepeats = 7;

/// A block that is released at the end of its scope.
class Block {
 public:
  explicit Block(Place place) : place_(place) {}
  ~Block() { release(); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  Status allocate(size_t bytes) {
    release();
    const Status status = gpu::allocate(&data_, bytes, place_);
    if (!status.ok()) data_ = nullptr;
    return status;
  }
  void release() {
    if (data_) gpu::release(data_, place_);
    data_ = nullptr;
  }
  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }

 private:
  Place place_;
  void* data_ = nullptr;
};

class RuntimeProbe {
 public:
  explicit RuntimeProbe(Reporter& report) : report_(report) {}

  /// Whether a GPU is there and selected.
  bool find_gpu();
  void check_kernels();
  void measure_copies();
  void measure_memory();

 private:
  using Saxpy = Status (*)(const float*, float*, int);
  void check_kernel(const char* call, Saxpy saxpy, const char* fact);
  bool measure_copy(const char* call, void* to, const void* from, size_t bytes, double& seconds);

  Reporter& report_;
};

bool RuntimeProbe::find_gpu() {
  report_.facts({{"architectures", gpu::sass_architectures()}, {"ptx", gpu::ptx_architecture()}});
  int driver = 0, count = 0;
  if (report_.call("cudaDriverGetVersion", [&] { return gpu::driver_version(driver); }))
    report_.facts({{"driver_cuda", driver}});
  report_.facts({{"runtime_cuda", gpu::runtime_version()}});
  if (!report_.call("cudaGetDeviceCount", [&] { return gpu::device_count(count); })) return false;
  if (!report_.call("cudaSetDevice", [] { return gpu::select(0); })) return false;
  gpu::Properties found;
  if (!report_.call("cudaGetDeviceProperties", [&] { return gpu::properties(0, found); }))
    return false;
  report_.facts({{"device",
                  {{"name", found.name},
                   {"cc", found.compute_capability},
                   {"multiprocessors", found.multiprocessors},
                   {"clock_khz", found.clock_khz},
                   {"memory_clock_khz", found.memory_clock_khz},
                   {"bus_bits", found.memory_bus_bits},
                   {"memory_total", found.memory_bytes}}}});
  return true;
}

void RuntimeProbe::check_kernels() {
  check_kernel("saxpy<<<>>> (machine code)", gpu::saxpy, "kernel_wrong");
  check_kernel("saxpy<<<>>> (PTX, compiled by the driver)", gpu::saxpy_from_ptx,
               "ptx_kernel_wrong");
}

void RuntimeProbe::check_kernel(const char* call, Saxpy saxpy, const char* fact) {
  constexpr size_t kBytes = kElements * sizeof(float);
  std::vector<float> x(kElements), y(kElements), result(kElements);
  for (int i = 0; i < kElements; ++i) {
    x[i] = static_cast<float>(i % 1013) / 7;
    y[i] = static_cast<float>(i % 509) / 3;
  }
  Block x_block(Place::device), y_block(Place::device);
  for (Block* block : {&x_block, &y_block})
    if (!report_.call("cudaMalloc", [&] { return block->allocate(kBytes); })) return;
  const auto copy = [&](void* to, const void* from) {
    return report_.call("cudaMemcpy", [&] { return gpu::copy(to, from, kBytes); });
  };
  if (!copy(x_block.data(), x.data()) || !copy(y_block.data(), y.data())) return;
  if (!report_.call(call, [&] { return saxpy(x_block.floats(), y_block.floats(), kElements); }))
    return;
  if (!copy(result.data(), y_block.data())) return;
  int wrong = 0;  // twice x is exact, so that one rounding is left, here as there
  for (int i = 0; i < kElements; ++i) wrong += result[i] != y[i] + 2 * x[i];
  report_.facts({{fact, wrong}});
}

bool RuntimeProbe::measure_copy(const char* call, void* to, const void* from, size_t bytes,
                                double& seconds) {
  return report_.call(call, [&] {
    Status worst;
    seconds = gpu::time(
        [&] {
          const Status status = gpu::copy(to, from, bytes);
          if (worst.ok()) worst = status;
        },
        kRepeats);
    return worst;
  });
}

void RuntimeProbe::measure_copies() {
  Block here(Place::pinned), there(Place::device);
  if (!report_.call("cudaMallocHost", [&] { return here.allocate(kCopyBytes); })) return;
  if (!report_.call("cudaMalloc", [&] { return there.allocate(kCopyBytes); })) return;
  double seconds = 0;
  if (measure_copy("cudaMemcpy (host to device)", there.data(), here.data(), kCopyBytes, seconds) &&
      seconds > 0)
    report_.facts({{"copy_to_gb_s", 1e-9 * kCopyBytes / seconds}});
  if (measure_copy("cudaMemcpy (device to host)", here.data(), there.data(), kCopyBytes, seconds) &&
      seconds > 0)
    report_.facts({{"copy_from_gb_s", 1e-9 * kCopyBytes / seconds}});
}

void RuntimeProbe::measure_memory() {
  Block from(Place::device), to(Place::device);
  size_t bytes = kMemoryBytes;
  // Not calls of the report: that a card with little left has none to measure with is no failure.
  while (!from.allocate(bytes).ok() || !to.allocate(bytes).ok()) {
    from.release();
    bytes /= 2;
    if (bytes < kLeastMemoryBytes) return;
  }
  double seconds = 0;
  if (measure_copy("cudaMemcpy (within the device)", to.data(), from.data(), bytes, seconds) &&
      seconds > 0)
    report_.facts({{"memory_gb_s", 2e-9 * bytes / seconds}});  // read and written
}

/// Libraries that other programs need, and PTX; this one has the runtime in itself.
void describe_neighbours(Reporter& report) {
  const auto describe = [&](const char* fact, const std::string& name) {
    const LoadedLibrary library(report, name, LoadedLibrary::Need::optional);
    if (library) report.facts({{fact, library.describe()}});
  };
  describe("cudart", "libcudart.so." + std::to_string(gpu::runtime_version() / 1000));
  describe("ptx_compiler", "libnvidia-ptxjitcompiler.so.1");
}

}  // namespace

void probe_runtime(Reporter& report, const ProbeOptions& options) {
  RuntimeProbe probe(report);
  if (probe.find_gpu()) {
    probe.check_kernels();
    if (!options.quick) {
      probe.measure_copies();
      probe.measure_memory();
    }
  }
  describe_neighbours(report);
}

}  // namespace strata::stack_probe
