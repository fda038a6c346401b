#include "ops/gather_batch.h"

#include <limits>

#include "ops/dispatch.h"
#include "ops/gather_batch_kernels.h"

namespace strata {

GatherGeometry::GatherGeometry(const Tensor& images, const Tensor& labels, const Tensor& step,
                               const ops::GatherOptions& gather_options,
                               const Tensor& batch_images, const Tensor& batch_labels)
    : options(gather_options) {
  check(images.rank() == 4 && images.dtype() == DType::uint8,
        "gather_batch: images must be uint8 (count, height, width, channels), got {} {}",
        images.dtype(), images.shape());
  count = images.extent(0);
  check(count >= 1 && count <= std::numeric_limits<int32_t>::max(),
        "gather_batch: {} images; between 1 and 2^31 - 1 can be drawn from", count);
  pixels = images.size() / count;
  check(labels.dtype() == DType::uint8 && labels.shape() == Shape{count},
        "gather_batch: {} images need as many uint8 labels, got {} {}", count, labels.dtype(),
        labels.shape());
  check(step.dtype() == DType::int32 && step.size() == 1,
        "gather_batch: the step must be one int32, got {} {}", step.dtype(), step.shape());
  check(batch_images.rank() == 4 && batch_images.dtype() == DType::float32 &&
            batch_images.extent(0) >= 1 &&
            batch_images.shape() == Shape{batch_images.extent(0), images.extent(1),
                                          images.extent(2), images.extent(3)},
        "gather_batch: images {} do not fit a batch of {} {}", images.shape(),
        batch_images.dtype(), batch_images.shape());
  batch = batch_images.extent(0);
  steps = static_cast<uint32_t>((count + batch - 1) / batch);
  half_bits = permutation_half_bits(static_cast<uint32_t>(count));
  check(batch_labels.dtype() == DType::int32 && batch_labels.shape() == Shape{batch},
        "gather_batch: a batch of {} needs as many int32 labels, got {} {}", batch,
        batch_labels.dtype(), batch_labels.shape());
  for (const Tensor* other : {&labels, &step, &batch_images, &batch_labels})
    check_same_device("gather_batch", images, *other);
}

namespace ops {

void gather_batch(const Tensor& images, const Tensor& labels, const Tensor& step,
                  const GatherOptions& options, Tensor& batch_images, Tensor& batch_labels) {
  TraceScope trace(TraceLayer::op, "gather_batch");
  const GatherGeometry geometry(images, labels, step, options, batch_images, batch_labels);
  // Of the data set one batch is read, a byte a number, and written as float32 or int32.
  if (trace) trace->bytes = static_cast<double>(geometry.batch * (geometry.pixels + 1)) * 5;
  const Rung rung = choose_rung("gather_batch", images);
  STRATA_DISPATCH(rung, gather_batch, geometry, images, labels, step, batch_images, batch_labels);
}

}  // namespace ops
}  // namespace strata
