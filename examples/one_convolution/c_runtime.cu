// (c) The same kernel through the CUDA runtime, which is linked into the program: C++ with a syntax
// for launches. nvcc compiles this file, and puts the kernel's machine code into the program.
#include "examples/one_convolution/convolution_kernel.cuh"
#include "examples/one_convolution/level.h"
#include "tensor/cuda/check.h"
#include "tensor/owned.h"

namespace strata::one_convolution {
namespace {

using Block = Owned<float*>;         // memory of the GPU
using Stream = Owned<cudaStream_t>;  // a queue of work for the GPU

// STRATA_CUDA throws, with the call and CUDA's words, unless the status is cudaSuccess.
Block allocate(size_t bytes) {
  float* address = nullptr;
  STRATA_CUDA(cudaMalloc(&address, bytes));
  return {address, [](float* block) noexcept { cudaFree(block); }};
}

Stream create_stream() {
  cudaStream_t created = nullptr;
  STRATA_CUDA(cudaStreamCreate(&created));
  return {created, [](cudaStream_t stream) noexcept { cudaStreamDestroy(stream); }};
}

Result run(const Problem& problem, Device) {
  constexpr size_t kImageBytes = sizeof(float) * kImageSize;
  constexpr size_t kFilterBytes = sizeof(float) * kFilterSize;
  constexpr size_t kOutputBytes = sizeof(float) * kOutputSize;

  // No context, no module: the runtime makes and loads them at the first call that needs them.
  const Stream stream = create_stream();
  const Block image = allocate(kImageBytes), filter = allocate(kFilterBytes);
  const Block output = allocate(kOutputBytes);
  // Copies and the kernel are queued on one stream: each begins when the one before has ended.
  STRATA_CUDA(cudaMemcpyAsync(image.get(), problem.image.data(), kImageBytes,
                              cudaMemcpyHostToDevice, stream.get()));
  STRATA_CUDA(cudaMemcpyAsync(filter.get(), problem.filter.data(), kFilterBytes,
                              cudaMemcpyHostToDevice, stream.get()));

  Result result;
  result.microseconds = median_microseconds([&] {
    convolution_kernel<<<kBlocks, kThreads, 0, stream.get()>>>(image.get(), filter.get(),
                                                               output.get());
    cuda::check_launch("convolution_kernel");  // a launch returns nothing: its status is asked for
    STRATA_CUDA(cudaStreamSynchronize(stream.get()));
  });
  STRATA_CUDA(cudaMemcpyAsync(result.output.data(), output.get(), kOutputBytes,
                              cudaMemcpyDeviceToHost, stream.get()));
  STRATA_CUDA(cudaStreamSynchronize(stream.get()));
  return result;
}

}  // namespace

const Level kCudaRuntime = {
    Needs::gpu, run,
    R"(   Adds C++: the launch is a typed call, kernel<<<grid, block, shared bytes, stream>>>(...), and
   context and code are there when they are needed. Memory, streams and statuses are still the
   caller's, and the kernel is that of (b), no faster than it was there.
)"};

}  // namespace strata::one_convolution
