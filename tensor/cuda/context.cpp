#include "tensor/cuda/context.h"

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <utility>

#include "tensor/cuda/check.h"

namespace strata::cuda {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string explain_no_device() {
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"))
    return fmt::format(
        "GPU: CUDA_VISIBLE_DEVICES=\"{}\" leaves no GPU visible; unset it or name one", visible);
  return "GPU: the NVIDIA driver is loaded but finds no GPU; see nvidia-smi, and in a container "
         "start it with --gpus all";
}

std::string explain_init_failure(CUresult status) {
  switch (status) {
    case CUDA_ERROR_NO_DEVICE:
      return explain_no_device();
    case CUDA_ERROR_STUB_LIBRARY:
      return "driver: the libcuda.so.1 that was loaded is the CUDA toolkit's stub, not the "
             "driver's; take the toolkit's stubs folder out of LD_LIBRARY_PATH";
    case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
      return "driver: libcuda.so.1 and the loaded kernel module are of different versions; reboot, "
             "or install the same version of both";
    default:
      return fmt::format("driver: cuInit returned error {}; see nvidia-smi and the kernel log",
                         static_cast<int>(status));
  }
}

void* open_driver() {
  return dlopen("libcuda.so.1", RTLD_NOW);
}

/// Null where the driver library or the function is not there.
template <class Function>
Function driver_function(const char* name) {
  void* driver = open_driver();
  return reinterpret_cast<Function>(driver ? dlsym(driver, name) : nullptr);
}

// The driver library is probed by hand, before the runtime sees it: the runtime folds most of these
// cases into one message.
std::optional<std::string> probe() {
  if (!open_driver())
    return fmt::format(
        "driver: no NVIDIA driver library ({}); install the driver, or in a container start it "
        "with --gpus all",
        dlerror());
  const auto init = driver_function<decltype(&cuInit)>("cuInit");
  const auto get_version = driver_function<decltype(&cuDriverGetVersion)>("cuDriverGetVersion");
  if (!init || !get_version) return "driver: libcuda.so.1 is not an NVIDIA driver library";
  if (const CUresult status = init(0); status != CUDA_SUCCESS) return explain_init_failure(status);

  int version = 0;
  get_version(&version);
  if (version / 1000 < CUDART_VERSION / 1000)
    return fmt::format(
        "driver: it supports CUDA up to {}, this program was built with CUDA {}; update the "
        "driver, or build with an older toolkit",
        version_text(version), version_text(CUDART_VERSION));
  int count = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess)
    return fmt::format("CUDA runtime: cudaGetDeviceCount returned {} ({})",
                       cudaGetErrorName(status), cudaGetErrorString(status));
  if (count == 0) return explain_no_device();
  return std::nullopt;
}

std::string driver_version() {
  std::string version;
  std::ifstream("/sys/module/nvidia/version") >> version;
  return version;
}

int attribute(cudaDeviceAttr name) {
  int value = 0;
  STRATA_CUDA(cudaDeviceGetAttribute(&value, name, 0));
  return value;
}

// Question by question: cudaGetDeviceProperties reads a hundred facts, some of them slowly. The
// driver's device 0 is the runtime's, since both count what CUDA_VISIBLE_DEVICES leaves.
DeviceInfo read_device_info() {
  DeviceInfo info;
  char name[256] = "";
  if (const auto get_name = driver_function<decltype(&cuDeviceGetName)>("cuDeviceGetName"))
    get_name(name, sizeof name, 0);
  info.name = name;
  if (const auto get_memory = driver_function<decltype(&cuDeviceTotalMem)>("cuDeviceTotalMem_v2"))
    get_memory(&info.memory_bytes, 0);
  info.driver = driver_version();
  STRATA_CUDA(cudaDriverGetVersion(&info.driver_cuda));
  STRATA_CUDA(cudaRuntimeGetVersion(&info.runtime_cuda));
  info.compute_capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) +
                            attribute(cudaDevAttrComputeCapabilityMinor);
  info.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  info.shared_bytes = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return info;
}

// Lives until the process ends: tensors of static lifetime may need the stream until then.
struct Context {
  DeviceInfo info;
  cudaStream_t main = nullptr;
  cudaStream_t current = nullptr;
  // For stream_in_turn(): how the last kernel was queued on `current`, and on `main`.
  enum class Last { other, in_turn, settles } last = Last::other, main_last = Last::other;

  Context() {
    if (const auto& reason = why_unusable()) throw Error(ErrorKind::device, *reason);
    STRATA_CUDA(cudaSetDevice(0));
    info = read_device_info();
    int lowest = 0, highest = 0;
    STRATA_CUDA(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
    STRATA_CUDA(cudaStreamCreateWithPriority(&main, cudaStreamNonBlocking, highest));
    current = main;
  }
};

Context& context() {
  static Context& instance = *new Context;
  return instance;
}

}  // namespace

const std::optional<std::string>& why_unusable() {
  static const std::optional<std::string> reason = probe();
  return reason;
}

const DeviceInfo& device_info() {
  return context().info;
}

Stream main_stream() {
  return context().main;
}

Stream stream() {
  context().last = Context::Last::other;
  return context().current;
}

StreamInTurn stream_in_turn(bool settles) {
  Context& now = context();
  const auto own = settles ? Context::Last::settles : Context::Last::in_turn;
  return {now.current, std::exchange(now.last, own) != Context::Last::other};
}

bool settles_last() {
  return context().last == Context::Last::settles;
}

// On the main stream turns go on after a branch. What a branch starts from has ended.
void turn_stream_to(Stream stream) noexcept {
  Context& now = context();
  if (now.current == now.main) now.main_last = now.last;
  now.last = stream == now.main ? now.main_last : Context::Last::other;
  now.current = stream;
}

void synchronize() {
  STRATA_CUDA(cudaStreamSynchronize(main_stream()));
}

}  // namespace strata::cuda
