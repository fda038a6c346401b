#include <algorithm>

#include "ops/dropout_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 4096;
constexpr int64_t kWords = 4;  // elements that share a Philox block, and so a thread

// `aligned`: both pointers are multiples of 16 bytes, as all but some views are.
__global__ void dropout_kernel(DropoutMask mask, const int32_t* step, const float* input,
                               int64_t size, bool aligned, float* output) {
  const uint64_t stream = mask.stream_at(step != nullptr ? *step : 0);
  const float scale = static_cast<float>(mask.scale);
  for (int64_t block = int64_t{blockIdx.x} * kThreads + threadIdx.x; block * kWords < size;
       block += int64_t{gridDim.x} * kThreads) {
    const Philox4 random = philox(mask.seed, stream, static_cast<uint64_t>(block));
    const int64_t first = block * kWords;
    if (aligned && first + kWords <= size) {
      float4 value = reinterpret_cast<const float4*>(input)[block];
      value.x = mask.keeps(random.word[0]) ? value.x * scale : 0.0f;
      value.y = mask.keeps(random.word[1]) ? value.y * scale : 0.0f;
      value.z = mask.keeps(random.word[2]) ? value.z * scale : 0.0f;
      value.w = mask.keeps(random.word[3]) ? value.w * scale : 0.0f;
      reinterpret_cast<float4*>(output)[block] = value;
      continue;
    }
#pragma unroll
    for (int i = 0; i < kWords; ++i) {
      if (first + i < size)
        output[first + i] = mask.keeps(random.word[i]) ? input[first + i] * scale : 0.0f;
    }
  }
}

bool is_aligned(const float* address) {
  return reinterpret_cast<uintptr_t>(address) % sizeof(float4) == 0;
}

}  // namespace

void dropout(const DropoutMask& mask, const Tensor& step, const Tensor& input, Tensor& output) {
  const int64_t size = input.size();
  if (size == 0) return;
  const int64_t words = (size + kWords - 1) / kWords;
  const int64_t blocks = std::min((words + kThreads - 1) / kThreads, kMaxBlocks);
  const float* x = input.data<float>();
  float* y = output.data<float>();
  dropout_kernel<<<static_cast<unsigned>(blocks), kThreads, 0, stream()>>>(
      mask, step.defined() ? step.data<int32_t>() : nullptr, x, size,
      is_aligned(x) && is_aligned(y), y);
  check_launch("dropout");
}

}  // namespace strata::cuda
