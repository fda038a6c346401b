#include <cmath>

#include "ops/gather_batch_kernels.h"

namespace strata::reference {

void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels,
                  const Tensor& step, Tensor& batch_images, Tensor& batch_labels) {
  const auto [seed, shuffle, scale, offset, ahead] = geometry.options;
  for (int64_t row = 0; row < geometry.batch; ++row) {
    const int64_t image = geometry.image_of(*step.data<int32_t>(), row);
    batch_labels.data<int32_t>()[row] = labels.data<uint8_t>()[image];
    const uint8_t* from = images.data<uint8_t>() + image * geometry.pixels;
    float* to = batch_images.data<float>() + row * geometry.pixels;
    for (int64_t i = 0; i < geometry.pixels; ++i)
      to[i] = std::fma(static_cast<float>(from[i]), scale, offset);
  }
}

}  // namespace strata::reference
