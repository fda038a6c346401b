// Which image goes where, and the kernel's signature of gather_batch.
#pragma once

#include "ops/gather_batch.h"
#include "tensor/host_device.h"
#include "tensor/random.h"

namespace strata {

struct GatherGeometry {
  int64_t count, batch, pixels;  // images, rows of the batch, bytes an image
  ops::GatherOptions options;

  /// Throws as ops::gather_batch says.
  GatherGeometry(const Tensor& images, const Tensor& labels, const Tensor& step,
                 const ops::GatherOptions& options, const Tensor& batch_images,
                 const Tensor& batch_labels);

  /// The image in row `row` of the batch of step `step`.
  STRATA_HOST_DEVICE int64_t image_of(int64_t step, int64_t row) const {
    const int64_t steps = (count + batch - 1) / batch;
    const int64_t position = (step % steps * batch + row) % count;
    if (!options.shuffle) return position;
    return random_permutation(options.seed, static_cast<uint64_t>(step / steps),
                              static_cast<uint32_t>(position), static_cast<uint32_t>(count));
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
