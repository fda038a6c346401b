// Matrix products on the tensor cores:
//
//   C[i][j] = sum over k of A(i, k) B(k, j)        products of TF32, added up in float32
//   line_sums[i] = sum over k of A(i, k)           in float32 throughout, where asked for
//
// One block computes one tile of C over its part of k. Asynchronous copies bring the tiles of A and
// B to shared memory several steps ahead; one barrier a step is enough, because the memory that a
// copy overwrites was last read before it. The warps of a block divide the tile, and in tiles of
// which a GPU needs many, two groups of warps take every other 8 of k: their sums meet in shared
// memory.
//
// Few tiles are cut along k as well, among the blocks of a cluster (tensor_gemm_plan.h). Each
// leaves its sums in its shared memory, and each then adds up, in the order of k, and stores its
// share of the rows from all of them: no second kernel, no atomics, the same bits each time.
//
// Where the time goes: with few rows, in launch and the latency of one load, which is why the whole
// k of a block is asked for at once; with many, in reading shared memory (warps of 64 x 32 read 1.5
// words a lane for each product) and rounding to TF32.
#pragma once

#include "ops/cuda/cluster.cuh"
#include "ops/cuda/tensor_operand.cuh"
#include "tensor/cuda/check.h"
#include "tensor/cuda/context.h"

namespace strata::cuda {

/// How pairs of float32 (k and k + 1 of one line) become fragments, and their product.
struct Tf32Math {
  using FragmentA = uint32_t[4];
  using FragmentB = uint32_t[2];

  static __device__ void pack_a(float2 upper, float2 lower, FragmentA& a) {
    a[0] = to_tf32(upper.x), a[1] = to_tf32(lower.x);
    a[2] = to_tf32(upper.y), a[3] = to_tf32(lower.y);
  }
  static __device__ void pack_b(float2 pair, FragmentB& b) {
    b[0] = to_tf32(pair.x), b[1] = to_tf32(pair.y);
  }
  static __device__ void multiply(float (&d)[4], const FragmentA& a, const FragmentB& b) {
    mma_tf32_16x8x8(d, a, b);
  }
};

/// Which product: the types, the direction of k in memory, whether A has a mask and whether its
/// lines are summed.
template <bool kAAlongK_, bool kBAlongK_, bool kMasked_ = false, bool kSumLines_ = false>
struct TensorProduct {
  using Math = Tf32Math;
  using Element = float;  // of A, B and C
  static constexpr bool kAAlongK = kAAlongK_, kBAlongK = kBAlongK_;
  static constexpr bool kMasked = kMasked_, kSumLines = kSumLines_;
};

/// Where C goes: element (i, j) is data[i row_stride + j], after adding bias[j] (where there is a
/// bias) and ReLU (where asked for).
template <class Element>
struct TensorOutput {
  Element* data;
  int64_t row_stride;
  const float* bias = nullptr;
  bool relu = false;
  float* line_sums = nullptr;

  bool takes_pairs() const {
    return row_stride % 2 == 0 && reinterpret_cast<uintptr_t>(data) % (2 * sizeof(Element)) == 0;
  }
  __device__ Element finished(float value, int column) const {
    if (bias != nullptr) value += bias[column];
    return relu && value < 0 ? 0.0f : value;  // the comparison keeps NaN, which fmaxf would hide
  }
};

/// What is the same for all blocks.
struct TensorLoop {
  int m, n, k;
  int tiles_n, steps, splits, stages;
  bool vectors_a, vectors_b, pairs;
};

/// Shared memory of one kernel: `stages` times A, its mask and B, then reused for the sums.
template <TensorTile kTensorTile, class Product>
struct TensorShared {
  using Element = typename Product::Element;
  static constexpr TensorTileSize kTile = size_of(kTensorTile);
  using LayoutA = TensorTileLayout<Element, Product::kAAlongK, kTile.m>;
  using LayoutB = TensorTileLayout<Element, Product::kBAlongK, kTile.n>;
  static constexpr int kMask = LayoutA::kSize;  // where it starts
  static constexpr int kB = kMask + (Product::kMasked ? LayoutA::kSize : 0);
  static constexpr int kStage = kB + LayoutB::kSize;
  static constexpr int kStageBytes = kStage * static_cast<int>(sizeof(Element));
  static constexpr int kSumPitch = kTile.n + 8;  // a row of sums: the tile's, then of its line
  static constexpr int kSumBytes = kTile.m * kSumPitch * static_cast<int>(sizeof(float));
};

/// A warp's part of the tile: which rows, columns and k, and the sums so far, in fragments.
template <TensorTile kTensorTile, class Product>
class WarpTile {
 public:
  using Shared = TensorShared<kTensorTile, Product>;
  using Element = typename Product::Element;
  using Math = typename Product::Math;
  static constexpr TensorTileSize kTile = Shared::kTile;
  static constexpr int kRows = kTile.warp_m() / 16, kColumns = kTile.warp_n() / 8;

  __device__ WarpTile() {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    group_ = lane / 4;
    t_ = lane % 4;
    column_ = warp % kTile.warps_n * kTile.warp_n();
    row_ = warp / kTile.warps_n % kTile.warps_m * kTile.warp_m();
    k_group = warp / (kTile.warps_n * kTile.warps_m);
  }

  __device__ void multiply(const Element* stage) {
#pragma unroll
    for (int i = 0; i < kTensorTileK / 8 / kTile.warps_k; ++i) {
      const int k = (i * kTile.warps_k + k_group) * 8 + 2 * t_;
      typename Math::FragmentB b[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
        Math::pack_b(Shared::LayoutB::pair(stage + Shared::kB, column_ + c * 8 + group_, k), b[c]);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const float2 upper = pair_of_a(stage, row_ + r * 16 + group_, k);
        const float2 lower = pair_of_a(stage, row_ + r * 16 + group_ + 8, k);
        if constexpr (Product::kSumLines) {
          line_sums_[r][0] += upper.x + upper.y;
          line_sums_[r][1] += lower.x + lower.y;
        }
        typename Math::FragmentA a;
        Math::pack_a(upper, lower, a);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) Math::multiply(sums_[r][c], a, b[c]);
      }
    }
  }

  /// Adds up what the lanes of a group have of one line; called once, after the last product.
  __device__ void finish_line_sums() {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        for (int distance = 1; distance < 4; distance *= 2)
          line_sums_[r][half] += __shfl_xor_sync(0xffffffff, line_sums_[r][half], distance);
  }

  /// Calls visit(row, column, first, second) for each pair of neighbours, places within the tile.
  template <class Visit>
  __device__ void for_each_pair(Visit&& visit) {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int c = 0; c < kColumns; ++c)
          visit(row_ + r * 16 + half * 8 + group_, column_ + c * 8 + 2 * t_, sums_[r][c][2 * half],
                sums_[r][c][2 * half + 1]);
  }

  /// Calls visit(row, sum) for each line, in one lane of one warp.
  template <class Visit>
  __device__ void for_each_line(Visit&& visit) {
    if (column_ != 0 || t_ != 0) return;
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        visit(row_ + r * 16 + half * 8 + group_, line_sums_[r][half]);
  }

  int k_group;  // of warps that share the tile's k

 private:
  static __device__ float2 pair_of_a(const Element* stage, int line, int k) {
    float2 pair = Shared::LayoutA::pair(stage, line, k);
    if constexpr (Product::kMasked) {
      const float2 open = Shared::LayoutA::pair(stage + Shared::kMask, line, k);
      pair.x = open.x > 0 ? pair.x : 0.0f;
      pair.y = open.y > 0 ? pair.y : 0.0f;
    }
    return pair;
  }

  int group_, t_, row_, column_;
  float sums_[kRows][kColumns][4] = {};
  float line_sums_[kRows][2] = {};  // unused, and no registers, unless Product::kSumLines
};

/// Waits for the oldest of the last `stages` - 1 groups of copies.
inline __device__ void wait_for_stage(int stages) {
  static_assert(kMaxTensorStages == 5);
  if (stages == 2) copy_async_wait<0>();
  if (stages == 3) copy_async_wait<1>();
  if (stages == 4) copy_async_wait<2>();
  if (stages == 5) copy_async_wait<3>();
}

/// Sums over steps [begin, end) of k.
template <TensorTile kTensorTile, class Product>
__device__ void multiply_steps(const TensorOperand<typename Product::Element>& a,
                               const TensorOperand<typename Product::Element>& b,
                               const TensorLoop& loop, int first_row, int first_column, int begin,
                               int end, typename Product::Element* shared,
                               WarpTile<kTensorTile, Product>& warp) {
  using Shared = TensorShared<kTensorTile, Product>;
  constexpr int kThreads = Shared::kTile.threads();
  const auto fetch = [&](int step, int slot) {
    typename Product::Element* stage = shared + slot * Shared::kStage;
    const TileOrigin from_a{first_row, loop.m, step * kTensorTileK, loop.k};
    const TileOrigin from_b{first_column, loop.n, step * kTensorTileK, loop.k};
    Shared::LayoutA::template fetch<kThreads>(stage, a.data, a.stride, loop.vectors_a, from_a);
    if constexpr (Product::kMasked)
      Shared::LayoutA::template fetch<kThreads>(stage + Shared::kMask, a.mask, a.stride,
                                                loop.vectors_a, from_a);
    Shared::LayoutB::template fetch<kThreads>(stage + Shared::kB, b.data, b.stride, loop.vectors_b,
                                              from_b);
  };
  const int ahead = loop.stages - 1;
  for (int i = 0; i < ahead; ++i) {
    if (begin + i < end) fetch(begin + i, i);
    copy_async_commit();
  }
  int slot = 0;
  for (int step = begin; step < end; ++step) {
    wait_for_stage(loop.stages);
    __syncthreads();
    if (step + ahead < end) fetch(step + ahead, slot == 0 ? ahead : slot - 1);
    copy_async_commit();  // an empty group too: the wait counts groups
    warp.multiply(shared + slot * Shared::kStage);
    slot = slot == ahead ? 0 : slot + 1;
  }
  __syncthreads();  // before the memory is reused
}

template <class Element>
__device__ void store_pair(const TensorOutput<Element>& output, const TensorLoop& loop, int row,
                           int column, float first, float second) {
  if (row >= loop.m || column >= loop.n) return;
  Element* target = output.data + row * output.row_stride + column;
  if (column + 1 == loop.n) {
    *target = output.finished(first, column);
  } else if (loop.pairs) {
    struct alignas(2 * sizeof(Element)) Pair {
      Element first, second;
    };
    *reinterpret_cast<Pair*>(target) = {output.finished(first, column),
                                        output.finished(second, column + 1)};
  } else {
    target[0] = output.finished(first, column);
    target[1] = output.finished(second, column + 1);
  }
}

/// Adds the sums that the blocks of a cluster left in `shared`, and stores the rows that are this
/// block's share.
template <TensorTile kTensorTile, class Product>
__device__ void add_up_cluster(const TensorOutput<typename Product::Element>& output,
                               const TensorLoop& loop, int rank, int first_row, int first_column,
                               const float* shared) {
  using Shared = TensorShared<kTensorTile, Product>;
  constexpr int kThreads = Shared::kTile.threads(), kRowPairs = Shared::kTile.n / 2;
  const auto sum_at = [&](int row, int column) {
    float2 parts[kMaxTensorSplits];
#pragma unroll
    for (int i = 0; i < kMaxTensorSplits; ++i)  // all loads first
      if (i < loop.splits) parts[i] = load_from_peer(shared + row * Shared::kSumPitch + column, i);
    float2 sum = parts[0];
#pragma unroll
    for (int i = 1; i < kMaxTensorSplits; ++i)
      if (i < loop.splits) sum.x += parts[i].x, sum.y += parts[i].y;
    return sum;
  };
  const int rows = Shared::kTile.m / loop.splits, begin = rank * rows;
  for (int pair = static_cast<int>(threadIdx.x); pair < rows * kRowPairs; pair += kThreads) {
    const int row = begin + pair / kRowPairs, column = pair % kRowPairs * 2;
    const float2 sum = sum_at(row, column);
    store_pair(output, loop, first_row + row, first_column + column, sum.x, sum.y);
  }
  if constexpr (Product::kSumLines) {
    const int row = begin + static_cast<int>(threadIdx.x);
    if (row < begin + rows && first_row + row < loop.m && first_column == 0 && output.line_sums)
      output.line_sums[first_row + row] = sum_at(row, Shared::kTile.n).x;
  }
}

template <TensorTile kTensorTile, class Product>
__global__ void __launch_bounds__(size_of(kTensorTile).threads())
    tensor_gemm_kernel(TensorOperand<typename Product::Element> a,
                       TensorOperand<typename Product::Element> b,
                       TensorOutput<typename Product::Element> output, TensorLoop loop) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800  // older ones have no TF32 and never come here
  using Shared = TensorShared<kTensorTile, Product>;
  extern __shared__ __align__(16) unsigned char shared_memory[];
  auto* shared = reinterpret_cast<typename Product::Element*>(shared_memory);
  auto* meeting = reinterpret_cast<float*>(shared_memory);

  const int rank = static_cast<int>(blockIdx.x) % loop.splits;
  const int tile = static_cast<int>(blockIdx.x) / loop.splits;
  const int first_row = tile / loop.tiles_n * Shared::kTile.m;
  const int first_column = tile % loop.tiles_n * Shared::kTile.n;
  const int begin = static_cast<int>(int64_t{loop.steps} * rank / loop.splits);
  const int end = static_cast<int>(int64_t{loop.steps} * (rank + 1) / loop.splits);

  WarpTile<kTensorTile, Product> warp;
  multiply_steps(a, b, loop, first_row, first_column, begin, end, shared, warp);
  if constexpr (Product::kSumLines) warp.finish_line_sums();

  const auto place = [&](int row, int column) {
    return meeting + row * Shared::kSumPitch + column;
  };
  const auto leave_sums = [&] {
    warp.for_each_pair([&](int row, int column, float first, float second) {
      *reinterpret_cast<float2*>(place(row, column)) = {first, second};
    });
    if constexpr (Product::kSumLines)
      warp.for_each_line([&](int row, float sum) { *place(row, Shared::kTile.n) = sum; });
  };
  if constexpr (Shared::kTile.warps_k == 2) {
    if (warp.k_group == 1) leave_sums();
    __syncthreads();
    if (warp.k_group == 0) {
      warp.for_each_pair([&](int row, int column, float& first, float& second) {
        const float2 other = *reinterpret_cast<const float2*>(place(row, column));
        first += other.x, second += other.y;
      });
      if constexpr (Product::kSumLines)
        warp.for_each_line([&](int row, float& sum) { sum += *place(row, Shared::kTile.n); });
    }
  }
  if (loop.splits > 1) {
    if (warp.k_group == 0) leave_sums();  // each thread where it read: no barrier between
    cluster_barrier();
    add_up_cluster<kTensorTile, Product>(output, loop, rank, first_row, first_column, meeting);
    cluster_barrier();
  } else if (warp.k_group == 0) {
    warp.for_each_pair([&](int row, int column, float first, float second) {
      store_pair(output, loop, first_row + row, first_column + column, first, second);
    });
    if constexpr (Product::kSumLines)
      warp.for_each_line([&](int row, float sum) {
        if (first_row + row < loop.m && first_column == 0 && output.line_sums)
          output.line_sums[first_row + row] = sum;
      });
  }
#endif
}

}  // namespace strata::cuda
