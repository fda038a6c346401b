// Matrix products on the tensor cores:
//
//   C[i][j] = sum over k of A(i, k) B(k, j)        products of TF32, added up in float32
//   line_sums[i] = sum over k of A(i, k)           in float32 throughout, where asked for
//
// One block computes one tile of C over its part of k. Asynchronous copies bring the tiles of A and
// B to shared memory several steps ahead; one barrier a step is enough, because the memory that a
// copy overwrites was last read before it. The warps of a block divide the tile, and in the smaller
// tiles two groups of warps take every other 8 of k. Their sums meet in shared memory, from where
// they are stored as whole rows.
//
// Few tiles are cut along k as well, among the blocks of a cluster (tensor_gemm_plan.h): each block
// adds up, in the order of k, a share of the rows from the shared memory of all of them. No second
// kernel, no atomics, the same bits each time.
//
// Where the time goes: with few rows, in launch and the latency of one load, which is why the whole
// k of a block is asked for at once, and why the code is short where it runs only once; with many,
// in reading shared memory (warps of 64 x 32 read 1.5 words a lane for each product) and rounding
// to TF32 (two instructions an element).
#pragma once

#include "ops/cuda/cluster.cuh"
#include "ops/cuda/fast_divide.cuh"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/tensor_warp.cuh"

namespace strata::cuda {

/// Where C goes: element (i, j) is data[i row_stride + j], after adding bias[j] (where there is a
/// bias) and ReLU (where asked for).
template <class Element>
struct TensorOutput {
  Element* data;
  int64_t row_stride;
  const float* bias = nullptr;
  bool relu = false;
  float* line_sums = nullptr;

  /// Whether 4 neighbouring columns from a multiple of 4 on can be stored at once.
  bool takes_vectors() const {
    return row_stride % 4 == 0 && reinterpret_cast<uintptr_t>(data) % (4 * sizeof(Element)) == 0;
  }
  __device__ float finished(float value, float bias_of_column) const {
    value += bias_of_column;
    return relu && value < 0 ? 0.0f : value;  // the comparison keeps NaN, which fmaxf would hide
  }
};

/// What is the same for all blocks.
struct TensorLoop {
  int m, n, k;
  FastDivide tiles_n;
  int steps, log2_splits, stages;
  bool vectors_a, vectors_b, vectors_c;
  bool settled_b;  // B and the bias may be read before the kernel's turn (launch.cuh)

  __device__ int splits() const { return 1 << log2_splits; }
};

/// Which tile a block computes, and over which steps of k.
struct TensorPart {
  int first_row, first_column, rank, begin, end;

  __device__ TensorPart(const TensorLoop& loop, const TensorTileSize& size) {
    const int block = static_cast<int>(blockIdx.x);
    const auto [tile_m, tile_n] = loop.tiles_n.divide(block >> loop.log2_splits);
    first_row = tile_m * size.m;
    first_column = tile_n * size.n;
    rank = block & (loop.splits() - 1);
    begin = (loop.steps * rank) >> loop.log2_splits;
    end = (loop.steps * (rank + 1)) >> loop.log2_splits;
  }
};

/// Waits for the oldest of the last `stages` - 1 groups of copies.
inline __device__ void wait_for_stage(int stages) {
  static_assert(kMinTensorStages == 2 && kMaxTensorStages == 5);
  if (stages == 2) copy_async_wait<0>();
  if (stages == 3) copy_async_wait<1>();
  if (stages == 4) copy_async_wait<2>();
  if (stages == 5) copy_async_wait<3>();
}

/// Adds the products of a block's steps to the sums of its warps.
template <TensorTile kTensorTile, class Product>
__device__ void multiply_steps(const TensorOperand<typename Product::ElementA>& a,
                               const TensorOperand<typename Product::ElementB>& b,
                               const TensorLoop& loop, const TensorPart& part, std::byte* shared,
                               WarpTile<kTensorTile, Product>& warp) {
  using Shared = TensorShared<kTensorTile, Product>;
  constexpr int kThreads = Shared::kTile.threads();
  const int ahead = loop.stages - 1;
  const auto fetch_b = [&](int step, std::byte* stage) {
    Shared::LayoutB::template fetch<kThreads>(
        Shared::b_of(stage), b.data, b.stride, loop.vectors_b,
        {part.first_column, loop.n, step * kTensorTileK, loop.k});
  };
  if (loop.settled_b) {
#pragma unroll 1
    for (int i = 0; i < ahead && part.begin + i < part.end; ++i)
      fetch_b(part.begin + i, shared + i * Shared::kStageBytes);
    take_turn();
  }
  int filled = 0, read = 0;  // which stage is next
  for (int step = part.begin - ahead; step < part.end; ++step) {
    if (step >= part.begin) {
      wait_for_stage(loop.stages);
      __syncthreads();
    }
    if (const int next = step + ahead; next < part.end) {
      std::byte* stage = shared + filled * Shared::kStageBytes;
      const TileOrigin from_a{part.first_row, loop.m, next * kTensorTileK, loop.k};
      Shared::LayoutA::template fetch<kThreads>(Shared::a_of(stage), a.data, a.stride,
                                                loop.vectors_a, from_a);
      if constexpr (Product::kMasked)
        Shared::LayoutA::template fetch<kThreads>(Shared::mask_of(stage), a.mask, a.stride,
                                                  loop.vectors_a, from_a);
      if (!loop.settled_b || step >= part.begin) fetch_b(next, stage);
      filled = filled == ahead ? 0 : filled + 1;
    }
    copy_async_commit();  // an empty group too: the wait counts groups
    if (step >= part.begin) {
      warp.multiply(shared + read * Shared::kStageBytes);
      read = read == ahead ? 0 : read + 1;
    }
  }
  pass_turn();
  copy_async_wait<0>();  // of no steps, the bias is still to come
  __syncthreads();       // before the memory is reused
}

template <class Element>
__device__ void store_four(const TensorOutput<Element>& output, const TensorLoop& loop, int row,
                           int column, const float4& sum, const float4& bias) {
  const float values[4] = {output.finished(sum.x, bias.x), output.finished(sum.y, bias.y),
                           output.finished(sum.z, bias.z), output.finished(sum.w, bias.w)};
  Element* target = output.data + row * output.row_stride + column;
  if (loop.vectors_c) {  // then n is a multiple of 4
    if (column < loop.n) store4(target, {values[0], values[1], values[2], values[3]});
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (column + i < loop.n) target[i] = stored_as<Element>(values[i]);
}

/// Stores a block's share of the rows of a tile; sum_at(offset) are four sums from there on.
template <TensorTile kTensorTile, class Product, class SumAt>
__device__ void store_rows(const TensorOutput<typename Product::ElementC>& output,
                           const TensorLoop& loop, const TensorPart& part, const float* bias,
                           SumAt&& sum_at) {
  using Shared = TensorShared<kTensorTile, Product>;
  constexpr int kThreads = Shared::kTile.threads(), kRowUnits = Shared::kTile.n / 4;
  const int rows = Shared::kTile.m >> loop.log2_splits, begin = part.rank * rows;
#pragma unroll 2
  for (int unit = static_cast<int>(threadIdx.x); unit < rows * kRowUnits; unit += kThreads) {
    const int row = begin + unit / kRowUnits, column = unit % kRowUnits * 4;
    if (part.first_row + row >= loop.m) break;
    store_four(output, loop, part.first_row + row, part.first_column + column,
               sum_at(row * Shared::kSumPitch + column),
               *reinterpret_cast<const float4*>(bias + column));
  }
  if constexpr (Product::kSumLines) {
    if (output.line_sums == nullptr || part.first_column != 0) return;
    const int row = begin + static_cast<int>(threadIdx.x);
    if (row < begin + rows && part.first_row + row < loop.m)
      output.line_sums[part.first_row + row] = sum_at(row * Shared::kSumPitch + Shared::kTile.n).x;
  }
}

/// The sums at one place in all blocks of a cluster, added up in the order of k.
inline __device__ float4 sum_of_cluster(const float* own, int blocks) {
  float4 parts[kMaxTensorSplits];
#pragma unroll
  for (int i = 0; i < kMaxTensorSplits; ++i)  // all loads before the first addition
    if (i < blocks) parts[i] = load_from_peer(own, i);
  float4 sum = parts[0];
#pragma unroll
  for (int i = 1; i < kMaxTensorSplits; ++i) {
    if (i >= blocks) break;
    sum.x += parts[i].x, sum.y += parts[i].y, sum.z += parts[i].z, sum.w += parts[i].w;
  }
  return sum;
}

template <TensorTile kTensorTile, class Product>
__global__ void __launch_bounds__(size_of(kTensorTile).threads(),
                                  size_of(kTensorTile).blocks_per_multiprocessor)
    tensor_gemm_kernel(TensorOperand<typename Product::ElementA> a,
                       TensorOperand<typename Product::ElementB> b,
                       TensorOutput<typename Product::ElementC> output, TensorLoop loop) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800  // older ones have no TF32 and never come here
  constexpr TensorTileSize kTile = size_of(kTensorTile);
  extern __shared__ __align__(16) unsigned char shared[];
  auto* bias = reinterpret_cast<float*>(shared);
  float* sums = bias + kTile.n;
  auto* stages = reinterpret_cast<std::byte*>(sums);  // first these, then the sums
  const TensorPart part(loop, kTile);
  if (!loop.settled_b) take_turn();
  if (const int i = static_cast<int>(threadIdx.x); i < kTile.n) {  // lands with the first step
    if (output.bias != nullptr && part.first_column + i < loop.n)
      copy_async_4(bias + i, output.bias + part.first_column + i, true);
    else
      bias[i] = 0;
  }
  WarpTile<kTensorTile, Product> warp;
  multiply_steps(a, b, loop, part, stages, warp);
  warp.gather(sums);
  if (loop.log2_splits == 0) {
    store_rows<kTensorTile, Product>(output, loop, part, bias, [&](int offset) {
      return *reinterpret_cast<const float4*>(sums + offset);
    });
  } else {
    cluster_barrier();
    store_rows<kTensorTile, Product>(output, loop, part, bias, [&](int offset) {
      return sum_of_cluster(sums + offset, loop.splits());
    });
    cluster_leave();
  }
#endif
}

}  // namespace strata::cuda
