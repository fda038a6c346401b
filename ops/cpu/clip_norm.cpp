#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/clip_norm_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kChunk = 16384;  // elements of one partial sum

// Independent lanes, so that the compiler may use vector registers without reordering a sum.
double sum_of_squares(const float* values, int64_t count) {
  constexpr int kLanes = 8;
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane)
      lanes[lane] += double{values[i + lane]} * values[i + lane];
  double sum = 0;
  for (; i < count; ++i) sum += double{values[i]} * values[i];
  for (double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void clip_norm(double max_norm, Tensor& gradients, Tensor& norm) {
  float* g = gradients.data<float>();
  const int64_t count = gradients.size();
  const int64_t chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> partial(static_cast<size_t>(chunks));
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk)
      partial[chunk] = sum_of_squares(g + chunk * kChunk, std::min(kChunk, count - chunk * kChunk));
  });
  double sum = 0;
  for (double value : partial) sum += value;
  *norm.data<float>() = static_cast<float>(std::sqrt(sum));
  const float factor = clip_factor(std::sqrt(sum), max_norm);
  if (factor == 1) return;
  parallel_for(count, kChunk, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) g[i] *= factor;
  });
}

}  // namespace strata::cpu
