#include "tensor/cuda/memory.h"

#include <thrust/execution_policy.h>
#include <thrust/fill.h>
#include <thrust/transform.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

/// A recording may ask for memory: the call itself is no part of what is recorded.
class AllowedInCapture {
 public:
  AllowedInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~AllowedInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  AllowedInCapture(const AllowedInCapture&) = delete;
  AllowedInCapture& operator=(const AllowedInCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace

void* allocate(size_t bytes) {
  stream();  // throws when the GPU cannot be used
  const AllowedInCapture allowed;
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it would be reported again by the next launch
    return nullptr;
  }
  check_cuda(status, "cudaMalloc");
  return block;
}

void release(void* block) noexcept {
  const AllowedInCapture allowed;
  cudaFree(block);
}

void copy_to_device(void* destination, const void* source, size_t bytes) {
  STRATA_CUDA(cudaMemcpyAsync(destination, source, bytes, cudaMemcpyHostToDevice, stream()));
}

void copy_to_host(void* destination, const void* source, size_t bytes) {
  STRATA_CUDA(cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToHost, stream()));
  synchronize();
}

void copy_on_device(void* destination, const void* source, size_t bytes) {
  STRATA_CUDA(cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDeviceToDevice, stream()));
}

void fill_zero(void* destination, size_t bytes) {
  STRATA_CUDA(cudaMemsetAsync(destination, 0, bytes, stream()));
}

void fill(float* destination, float value, int64_t count) {
  thrust::fill_n(thrust::cuda::par_nosync.on(stream()), destination, count, value);
  check_launch("fill");
}

void add_into(float* into, const float* value, int64_t count) {
  thrust::transform(thrust::cuda::par_nosync.on(stream()), into, into + count, value, into,
                    thrust::plus<float>());
  check_launch("add_into");
}

}  // namespace strata::cuda
