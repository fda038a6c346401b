// The batch of a training step, picked from a data set that stays on the device.
//
// With B the batch size, count the number of images and n = ceil(count / B) steps an epoch, step
// t = step + ahead belongs to epoch e = t / n, and row i of its batch is
//
//   j = ((t mod n) B + i) mod count           the last batch of an epoch is filled from its start
//   image permutation(seed, e)[j], or image j when not shuffling
//   batch = pixel * scale + offset            rounded once (fma), so that every device agrees
//
// The step is read from device memory, so that a captured step replays with the next batch, which
// may be drawn ahead, while the step before it is still under way. No gradient.
#pragma once

#include "tensor/tensor.h"

namespace strata::ops {

struct GatherOptions {
  uint64_t seed = 0;
  bool shuffle = true;
  float scale = 1;
  float offset = 0;
  int32_t ahead = 0;  // how many steps after `step`
};

/// `images` (count, H, W, C) and `labels` (count), both uint8; `step` int32 (1). Writes
/// `batch_images` (B, H, W, C) float32 and `batch_labels` (B) int32. Throws `invalid_argument` when
/// shapes, dtypes or devices do not fit, or there is no image.
void gather_batch(const Tensor& images, const Tensor& labels, const Tensor& step,
                  const GatherOptions& options, Tensor& batch_images, Tensor& batch_labels);

}  // namespace strata::ops
