// A block copies up to four images: as many threads as images find out which, one each, then all
// copy, a thread four pixels of each at a time: 4 bytes in, 16 out.
//
// A small batch is a chain of waits: for the step, for the permutation (40 dependent rounds of
// Philox), for the image. One image a block keeps it short, and where the step is settled it is
// over before the kernel's turn, since no kernel writes a data set. For large ones the writing
// counts: with several images a block, a thread has as many loads under way, and the permutations,
// a warp's worth of instructions for every block, stay cheap.
#include <algorithm>

#include "ops/cuda/launch.cuh"
#include "ops/gather_batch_kernels.h"
#include "tensor/cuda/alignment.h"

namespace strata::cuda {
namespace {

constexpr int64_t kMostThreads = 256;
constexpr int64_t kMostImages = 4;       // of a block
constexpr int64_t kBlocksAtOnce = 512;  // about what 132 multiprocessors hold

struct GatherPointers {
  const uint8_t* images;
  const uint8_t* labels;
  const int32_t* step;
  float* batch_images;
  int32_t* batch_labels;
};

template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Run {
  T of[kWidth];
};

template <int kWidth>
__device__ Run<float, kWidth> scaled(Run<uint8_t, kWidth> pixels,
                                     const ops::GatherOptions& options) {
  Run<float, kWidth> values;
  for (int i = 0; i < kWidth; ++i)
    values.of[i] = fmaf(static_cast<float>(pixels.of[i]), options.scale, options.offset);
  return values;
}

template <int kWidth>
__global__ void __launch_bounds__(kMostThreads)
    gather_batch_kernel(GatherGeometry geometry, GatherPointers pointers, int images_per_block,
                        bool settled) {
  __shared__ int64_t images[kMostImages];
  const int64_t first = int64_t{blockIdx.x} * images_per_block;
  const int rows = static_cast<int>(min(int64_t{images_per_block}, geometry.batch - first));
  const int thread = static_cast<int>(threadIdx.x);
  int32_t label;
  if (!settled) take_turn();
  // Before its own turn, too: the update that follows has much to do before it reads a gradient.
  pass_turn();
  if (thread < rows) {
    const int64_t image = geometry.image_of(*pointers.step, first + thread);
    images[thread] = image;
    label = pointers.labels[image];
  }
  __syncthreads();

  const int64_t runs = geometry.pixels / kWidth;
  const auto* from = reinterpret_cast<const Run<uint8_t, kWidth>*>(pointers.images);
  auto* to = reinterpret_cast<Run<float, kWidth>*>(pointers.batch_images) + first * runs;
  Run<uint8_t, kWidth> pixels[kMostImages];
  const auto load = [&](int64_t run) {
#pragma unroll
    for (int row = 0; row < kMostImages; ++row)
      if (row < rows) pixels[row] = from[images[row] * runs + run];
  };
  int64_t run = thread;
  if (run < runs) load(run);
  if (settled) take_turn();
  if (thread < rows) pointers.batch_labels[first + thread] = label;
  while (run < runs) {
#pragma unroll
    for (int row = 0; row < kMostImages; ++row)
      if (row < rows) to[row * runs + run] = scaled(pixels[row], geometry.options);
    run += blockDim.x;
    if (run < runs) load(run);
  }
}

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

void gather_batch(const GatherGeometry& geometry, const Tensor& images, const Tensor& labels,
                  const Tensor& step, Tensor& batch_images, Tensor& batch_labels) {
  const GatherPointers pointers{images.data<uint8_t>(), labels.data<uint8_t>(),
                                step.data<int32_t>(), batch_images.data<float>(),
                                batch_labels.data<int32_t>()};
  const bool fours = geometry.pixels % 4 == 0 &&
                     reinterpret_cast<uintptr_t>(pointers.images) % 4 == 0 &&
                     common_alignment({pointers.batch_images}) == 16;
  const int64_t runs = fours ? geometry.pixels / 4 : geometry.pixels;
  const int64_t per_block = std::min(divide_up(geometry.batch, kBlocksAtOnce), kMostImages);
  const int64_t threads = std::clamp<int64_t>(divide_up(runs, 32) * 32, 32, kMostThreads);
  const auto kernel = fours ? gather_batch_kernel<4> : gather_batch_kernel<1>;
  launch_in_turn(
      "gather_batch", kernel,
      {static_cast<unsigned>(divide_up(geometry.batch, per_block)), static_cast<unsigned>(threads)},
      geometry, pointers, static_cast<int>(per_block), is_settled(step));
}

}  // namespace strata::cuda
