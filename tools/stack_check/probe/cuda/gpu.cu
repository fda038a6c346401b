// gpu.h by the CUDA runtime, which is linked into the program: no library of CUDA need be there for
// it to start.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tools/stack_check/probe/gpu.h"

namespace strata::stack_probe::gpu {

extern const char* const kSaxpyPtx;  // made by the build from ptx/saxpy.cu

namespace {

constexpr int kThreads = 256;

__global__ void saxpy_kernel(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) y[i] += 2 * x[i];
}

Status status_of(cudaError_t result) {
  if (result == cudaSuccess) return {};
  cudaGetLastError();  // or the next launch would seem to have failed
  return {.code = result, .name = cudaGetErrorName(result), .words = cudaGetErrorString(result)};
}

int blocks_for(int count) {
  return (count + kThreads - 1) / kThreads;
}

/// The kernel of the PTX, compiled by the driver at the first call.
cudaError_t find_ptx_kernel(cudaKernel_t& kernel) {
  static cudaLibrary_t library = nullptr;
  if (!library) {
    const cudaError_t result =
        cudaLibraryLoadData(&library, kSaxpyPtx, nullptr, nullptr, 0, nullptr, nullptr, 0);
    if (result != cudaSuccess) return result;
  }
  return cudaLibraryGetKernel(&kernel, library, "saxpy_from_ptx");
}

class Event {
 public:
  Event() { cudaEventCreate(&event_); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record() { cudaEventRecord(event_); }
  double seconds_since(const Event& start) const {
    float milliseconds = 0;
    cudaEventSynchronize(event_);
    cudaEventElapsedTime(&milliseconds, start.event_, event_);
    return 1e-3 * milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

int runtime_version() {
  int version = CUDART_VERSION;
  cudaRuntimeGetVersion(&version);
  return version;
}

std::vector<int> sass_architectures() {
  std::istringstream words(STRATA_SASS_ARCHITECTURES);
  return {std::istream_iterator<int>(words), {}};
}

int ptx_architecture() {
  return STRATA_PTX_ARCHITECTURE;
}

Status driver_version(int& version) {
  return status_of(cudaDriverGetVersion(&version));
}

Status device_count(int& count) {
  return status_of(cudaGetDeviceCount(&count));
}

Status select(int device) {
  return status_of(cudaSetDevice(device));
}

Status properties(int device, Properties& properties) {
  cudaDeviceProp found = {};
  cudaError_t result = cudaGetDeviceProperties(&found, device);
  if (result != cudaSuccess) return status_of(result);
  properties.name = found.name;
  properties.compute_capability = 10 * found.major + found.minor;
  properties.multiprocessors = found.multiProcessorCount;
  properties.memory_bus_bits = found.memoryBusWidth;
  properties.memory_bytes = found.totalGlobalMem;
  // CUDA 13 has these as attributes only.
  result = cudaDeviceGetAttribute(&properties.clock_khz, cudaDevAttrClockRate, device);
  if (result != cudaSuccess) return status_of(result);
  return status_of(
      cudaDeviceGetAttribute(&properties.memory_clock_khz, cudaDevAttrMemoryClockRate, device));
}

Status allocate(void** block, size_t bytes, Place place) {
  return status_of(place == Place::device ? cudaMalloc(block, bytes)
                                          : cudaMallocHost(block, bytes));
}

Status release(void* block, Place place) {
  return status_of(place == Place::device ? cudaFree(block) : cudaFreeHost(block));
}

Status copy(void* to, const void* from, size_t bytes) {
  const cudaError_t result = cudaMemcpy(to, from, bytes, cudaMemcpyDefault);
  if (result != cudaSuccess) return status_of(result);
  return status_of(cudaStreamSynchronize(nullptr));  // between two blocks of the GPU it only queues
}

Status synchronize() {
  return status_of(cudaDeviceSynchronize());
}

Status saxpy(const float* x, float* y, int count) {
  saxpy_kernel<<<blocks_for(count), kThreads>>>(x, y, count);
  const cudaError_t launched = cudaGetLastError();
  return status_of(launched != cudaSuccess ? launched : cudaDeviceSynchronize());
}

Status saxpy_from_ptx(const float* x, float* y, int count) {
  cudaKernel_t kernel = nullptr;
  cudaError_t result = find_ptx_kernel(kernel);
  if (result != cudaSuccess) return status_of(result);
  void* arguments[] = {&x, &y, &count};
  result = cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(blocks_for(count)),
                            dim3(kThreads), arguments, 0, nullptr);
  return status_of(result != cudaSuccess ? result : cudaDeviceSynchronize());
}

double time(const std::function<void()>& queue, int repeats) {
  queue();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    Event start, end;
    start.record();
    queue();
    end.record();
    seconds.push_back(end.seconds_since(start));
  }
  if (seconds.empty()) return 0;
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

Device framework_device() {
  return Device::gpu;
}

}  // namespace strata::stack_probe::gpu
