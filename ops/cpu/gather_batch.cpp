#include <algorithm>
#include <array>
#include <cmath>

#include "ops/cpu/instructions.h"
#include "ops/gather_batch_kernels.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 8;  // images, about 5 us

// A byte has 256 values. Where a fused multiply-add is a call of a function, they are computed
// once.
using Values = std::array<float, 256>;

struct ScaledImage {
  const uint8_t* from;
  float* to;
  int64_t pixels;
  const ops::GatherOptions& options;
  const Values& values;
};

}  // namespace
}  // namespace strata::cpu

#define STRATA_KERNEL "ops/cpu/gather_batch.inl"
#include "ops/cpu/compile_kernel.h"

namespace strata::cpu {
namespace {

STRATA_CHOOSE_KERNEL(scale_pixels, const ScaledImage&)

// Drawn images lie anywhere, so nobody else knows what will be read next.
void prefetch(const uint8_t* image, int64_t pixels) {
  constexpr int64_t kCacheLine = 64;
  for (int64_t i = 0; i < pixels; i += kCacheLine) __builtin_prefetch(image + i);
}

}  // namespace

void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels,
                  const Tensor& step, Tensor& batch_images, Tensor& batch_labels) {
  Values values;
  for (size_t pixel = 0; pixel < values.size(); ++pixel)
    values[pixel] =
        std::fma(static_cast<float>(pixel), geometry.options.scale, geometry.options.offset);

  const int32_t now = *step.data<int32_t>();
  const uint8_t* pixels = images.data<uint8_t>();
  note_instructions();
  parallel_for(geometry.batch, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin, next, image = geometry.image_of(now, row); row < end;
         ++row, image = next) {
      next = geometry.image_of(now, std::min(row + 1, end - 1));
      prefetch(pixels + next * geometry.pixels, geometry.pixels);
      batch_labels.data<int32_t>()[row] = labels.data<uint8_t>()[image];
      scale_pixels({pixels + image * geometry.pixels,
                    batch_images.data<float>() + row * geometry.pixels, geometry.pixels,
                    geometry.options, values});
    }
  });
}

}  // namespace strata::cpu
