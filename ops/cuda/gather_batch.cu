#include "ops/gather_batch_kernels.h"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {
namespace {

constexpr int kThreads = 256;

// A block an image: one thread finds out which, all of them copy it.
__global__ void gather_batch_kernel(GatherGeometry geometry, const uint8_t* images,
                                    const uint8_t* labels, const int32_t* step,
                                    float* batch_images, int32_t* batch_labels) {
  __shared__ int64_t image;
  const int64_t row = blockIdx.x;
  if (threadIdx.x == 0) {
    image = geometry.image_of(*step, row);
    batch_labels[row] = labels[image];
  }
  __syncthreads();
  const uint8_t* from = images + image * geometry.pixels;
  float* to = batch_images + row * geometry.pixels;
  for (int64_t i = threadIdx.x; i < geometry.pixels; i += kThreads)
    to[i] = fmaf(static_cast<float>(from[i]), geometry.options.scale, geometry.options.offset);
}

}  // namespace

void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels,
                  const Tensor& step, Tensor& batch_images, Tensor& batch_labels) {
  gather_batch_kernel<<<static_cast<unsigned>(geometry.batch), kThreads, 0, stream()>>>(
      geometry, images.data<uint8_t>(), labels.data<uint8_t>(), step.data<int32_t>(),
      batch_images.data<float>(), batch_labels.data<int32_t>());
  check_launch("gather_batch");
}

}  // namespace strata::cuda
