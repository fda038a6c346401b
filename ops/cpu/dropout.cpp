#include <algorithm>

#include "ops/dropout_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {

// Four elements share a Philox block, which is nearly all of the work.
void dropout(const DropoutMask& mask, const Tensor& step, const Tensor& input, Tensor& output) {
  constexpr int64_t kWords = 4, kGrain = 1024;
  const uint64_t stream = mask.stream_at(step_of(step));
  const float scale = static_cast<float>(mask.scale);
  const float* x = input.data<float>();
  float* y = output.data<float>();
  const int64_t size = input.size();
  parallel_for((size + kWords - 1) / kWords, kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const Philox4 random = philox(mask.seed, stream, static_cast<uint64_t>(block));
      const int64_t first = block * kWords;
      const int64_t count = std::min(kWords, size - first);
      for (int64_t i = 0; i < count; ++i)
        y[first + i] = mask.keeps(random.word[i]) ? x[first + i] * scale : 0.0f;
    }
  });
}

}  // namespace strata::cpu
