// The same numbers on the GPU as on the CPU, bit by bit.
#include "tensor/random.h"

#include <gtest/gtest.h>

#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"
#include "tensor/tensor.h"

namespace strata::test {
namespace {

constexpr uint64_t kSeed = 0x123456789abcdef0, kStream = 0xfedcba9876543210;

__global__ void draw_kernel(uint32_t count, int32_t* words, float* uniforms, int32_t* positions) {
  const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  words[i] = static_cast<int32_t>(random_word(kSeed, kStream, i));
  uniforms[i] = random_uniform(kSeed, kStream, i);
  positions[i] = static_cast<int32_t>(random_permutation(kSeed, kStream, i, count));
}

TEST(RandomGpuTest, EqualsTheCpu) {
  if (const auto& reason = cuda::why_unusable()) GTEST_SKIP() << *reason;
  constexpr uint32_t kCount = 10007;
  const Tensor words = Tensor::empty({kCount}, DType::int32, Device::gpu);
  const Tensor uniforms = Tensor::empty({kCount}, DType::float32, Device::gpu);
  const Tensor positions = Tensor::empty({kCount}, DType::int32, Device::gpu);
  draw_kernel<<<(kCount + 255) / 256, 256, 0, cuda::stream()>>>(
      kCount, words.data<int32_t>(), uniforms.data<float>(), positions.data<int32_t>());
  cuda::check_launch("draw_kernel");
  const auto word = words.to_vector<int32_t>(), position = positions.to_vector<int32_t>();
  const auto uniform = uniforms.to_vector<float>();
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(static_cast<uint32_t>(word[i]), random_word(kSeed, kStream, i)) << i;
    ASSERT_EQ(uniform[i], random_uniform(kSeed, kStream, i)) << i;
    ASSERT_EQ(static_cast<uint32_t>(position[i]), random_permutation(kSeed, kStream, i, kCount));
  }
}

}  // namespace
}  // namespace strata::test
