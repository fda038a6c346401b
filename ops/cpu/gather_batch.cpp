#include <array>
#include <cmath>

#include "ops/gather_batch_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {

void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels,
                  const Tensor& step, Tensor& batch_images, Tensor& batch_labels) {
  const auto [seed, shuffle, scale, offset, ahead] = geometry.options;
  std::array<float, 256> value_of;  // a pixel has 256 values, and an fma call for each is slow
  for (size_t pixel = 0; pixel < value_of.size(); ++pixel)
    value_of[pixel] = std::fma(static_cast<float>(pixel), scale, offset);

  const int32_t now = *step.data<int32_t>();
  constexpr int64_t kGrain = 32;  // images
  parallel_for(geometry.batch, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = geometry.image_of(now, row);
      batch_labels.data<int32_t>()[row] = labels.data<uint8_t>()[image];
      const uint8_t* from = images.data<uint8_t>() + image * geometry.pixels;
      float* to = batch_images.data<float>() + row * geometry.pixels;
      for (int64_t i = 0; i < geometry.pixels; ++i) to[i] = value_of[from[i]];
    }
  });
}

}  // namespace strata::cpu
