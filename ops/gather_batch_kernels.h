// Which image goes where, and the kernel's signature of gather_batch.
#pragma once

#include "ops/gather_batch.h"
#include "tensor/host_device.h"
#include "tensor/random.h"

namespace strata {

struct GatherGeometry {
  int64_t count, batch, pixels;  // images, rows of the batch, bytes an image
  uint32_t steps;                // an epoch
  int half_bits;                 // of the permutation
  ops::GatherOptions options;

  /// Throws as ops::gather_batch says.
  GatherGeometry(const Tensor& images, const Tensor& labels, const Tensor& step,
                 const ops::GatherOptions& options, const Tensor& batch_images,
                 const Tensor& batch_labels);

  /// The image in row `row` of the batch.
  STRATA_HOST_DEVICE int64_t image_of(int32_t step, int64_t row) const {
    const uint32_t t = static_cast<uint32_t>(step) + static_cast<uint32_t>(options.ahead);
    const uint32_t epoch = t / steps;
    int64_t position = (t - epoch * steps) * batch + row;
    while (position >= count) position -= count;  // once at most, unless the batch exceeds the set
    if (!options.shuffle) return position;
    return random_permutation(options.seed, epoch, static_cast<uint32_t>(position),
                              static_cast<uint32_t>(count), half_bits);
  }
};

#define STRATA_GATHER_BATCH_KERNELS                                                             \
  void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels, \
                    const Tensor& step, Tensor& batch_images, Tensor& batch_labels);
namespace reference { STRATA_GATHER_BATCH_KERNELS }
namespace cpu { STRATA_GATHER_BATCH_KERNELS }
namespace cuda { STRATA_GATHER_BATCH_KERNELS }
#undef STRATA_GATHER_BATCH_KERNELS

}  // namespace strata
