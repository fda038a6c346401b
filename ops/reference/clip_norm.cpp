#include <cmath>

#include "ops/clip_norm_kernels.h"

namespace strata::reference {

void clip_norm(double max_norm, Tensor& gradients, Tensor& norm) {
  float* g = gradients.data<float>();
  double sum = 0;
  for (int64_t i = 0; i < gradients.size(); ++i) sum += double{g[i]} * g[i];
  *norm.data<float>() = static_cast<float>(std::sqrt(sum));
  const float factor = clip_factor(std::sqrt(sum), max_norm);
  if (factor == 1) return;
  for (int64_t i = 0; i < gradients.size(); ++i) g[i] *= factor;
}

}  // namespace strata::reference
