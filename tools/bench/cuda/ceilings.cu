// Kernels that reach this card's ceilings: they do one thing as fast as the card can and nothing
// else.
#include <cuda_runtime.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/recording.h"
#include "tensor/tensor.h"
#include "tools/bench/gpu.h"

namespace strata::bench::gpu {
namespace {

constexpr int kThreads = 256;

int blocks() {
  return 8 * cuda::device_info().multiprocessors;
}

// A thread copies 16 bytes at a time, the whole grid side by side. .cg keeps the data out of the L1
// caches, so that with few bytes and many passes every access is one of the L2 cache.
__global__ void copy_kernel(const float4* from, float4* to, int64_t count, int passes) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int pass = 0; pass < passes; ++pass)
    for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step)
      __stcg(to + i, __ldcg(from + i));
}

double copy_rate(int64_t bytes, int passes) {
  const Shape shape{bytes / int64_t{sizeof(float)}};
  const Tensor from = Tensor::full(shape, 1.5, DType::float32, Device::gpu);
  const Tensor to = Tensor::empty(shape, DType::float32, Device::gpu);
  const int64_t count = bytes / int64_t{sizeof(float4)};
  const double seconds = best_seconds([&] {
    copy_kernel<<<blocks(), kThreads, 0, cuda::stream()>>>(
        reinterpret_cast<const float4*>(from.data<float>()),
        reinterpret_cast<float4*>(to.data<float>()), count, passes);
    cuda::check_launch("copy_kernel");
  });
  return 2.0 * static_cast<double>(bytes) * passes / seconds;
}

constexpr int kChains = 8;  // multiply-adds in flight a thread: each waits 4 cycles for its last
constexpr int kRounds = 4096;

// The result decides whether to write, so that the compiler cannot drop the arithmetic.
__global__ void __launch_bounds__(kThreads)
    multiply_add_kernel(float factor, float term, float* never) {
  float sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = static_cast<float>(threadIdx.x + i);
#pragma unroll 16
  for (int round = 0; round < kRounds; ++round) {
#pragma unroll
    for (int i = 0; i < kChains; ++i) sums[i] = fmaf(sums[i], factor, term);
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  if (total == -1.0f) *never = total;
}

__global__ void nothing_kernel() {}

}  // namespace

size_t l2_cache_bytes() {
  int bytes = 0;
  STRATA_CUDA(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, 0));
  return static_cast<size_t>(bytes);
}

double measure_copy_rate() {
  constexpr int64_t kBytes = int64_t{1} << 29;
  return copy_rate(kBytes, 4);
}

double measure_l2_copy_rate() {
  // Both ends together take a quarter of the cache, and the passes hide the launch.
  const auto bytes = static_cast<int64_t>(l2_cache_bytes() / 8) & ~int64_t{4095};
  return copy_rate(bytes, 200);
}

double measure_fp32_flops() {
  Tensor never = Tensor::zeros({1}, DType::float32, Device::gpu);
  const double seconds = best_seconds([&] {
    multiply_add_kernel<<<blocks(), kThreads, 0, cuda::stream()>>>(0.5f, 1.0f, never.data<float>());
    cuda::check_launch("multiply_add_kernel");
  });
  return 2.0 * blocks() * kThreads * kChains * kRounds / seconds;
}

double measure_node_seconds() {
  constexpr int kNodes = 500, kLaunches = 20;
  const auto launch_nothing = [] {
    nothing_kernel<<<1, 32, 0, cuda::stream()>>>();
    cuda::check_launch("nothing_kernel");
  };
  launch_nothing();
  const Recording chain(Device::gpu, [&] {
    for (int i = 0; i < kNodes; ++i) launch_nothing();
  });
  const double seconds = best_seconds([&] {
    for (int i = 0; i < kLaunches; ++i) chain.launch();
  });
  return seconds / (kNodes * kLaunches);
}

}  // namespace strata::bench::gpu
