#include "ops/count_correct_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

// A thread a row. The blocks' sums meet in an integer atomic, whose order changes nothing.
__global__ void count_correct_kernel(const float* logits, const int32_t* labels, int64_t rows,
                                     int64_t classes, int32_t* count) {
  const int64_t row = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int32_t sum = __syncthreads_count(
      row < rows && is_classified_as(logits + row * classes, classes, labels[row]));
  if (threadIdx.x == 0) atomicAdd(count, sum);
}

}  // namespace

void count_correct(const Tensor& logits, const Tensor& labels, Tensor& count) {
  const int64_t rows = logits.extent(0);
  if (rows == 0) return;
  const auto blocks = static_cast<unsigned>((rows + kThreads - 1) / kThreads);
  count_correct_kernel<<<blocks, kThreads, 0, stream()>>>(
      logits.data<float>(), labels.data<int32_t>(), rows, logits.extent(1), count.data<int32_t>());
  check_launch("count_correct");
}

}  // namespace strata::cuda
