// What one warp does in tensor_gemm.cuh: products of fragments, and who holds which sum.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "ops/cuda/element.cuh"
#include "ops/cuda/tensor_operand.cuh"

namespace strata::cuda {

/// How float32 become operands of the tensor cores. Lane t of a group of 4 holds two elements of
/// each line in every 8 of k.
struct Tf32Math {
  using FragmentA = uint32_t[4];
  using FragmentB = uint32_t[2];

  static constexpr __device__ int first_k(int t) { return t; }
  static constexpr __device__ int second_k(int t) { return t + 4; }
  /// `upper` and `lower` are elements first_k and second_k of lines group and group + 8.
  template <class Element>
  static __device__ void pack_a(float2 upper, float2 lower, FragmentA& a) {
    a[0] = rounded<Element>(upper.x), a[1] = rounded<Element>(lower.x);
    a[2] = rounded<Element>(upper.y), a[3] = rounded<Element>(lower.y);
  }
  template <class Element>
  static __device__ void pack_b(float2 pair, FragmentB& b) {
    b[0] = rounded<Element>(pair.x), b[1] = rounded<Element>(pair.y);
  }
  static __device__ void multiply(float (&d)[4], const FragmentA& a, const FragmentB& b) {
    mma_tf32_16x8x8(d, a, b);
  }

 private:
  /// Of a value that was stored as an Element: a bfloat16 is a TF32 already.
  template <class Element>
  static __device__ uint32_t rounded(float x) {
    return std::is_same_v<Element, BFloat16> ? __float_as_uint(x) : to_tf32(x);
  }
};

/// What matrices consist of, float or BFloat16.
template <class A_ = float, class B_ = float, class C_ = float>
struct TensorElements {
  using A = A_;  // and its mask
  using B = B_;
  using C = C_;
};

/// Which product: the direction of k in memory, whether A has a mask, whether its lines are summed,
/// and the types.
template <bool kAAlongK_, bool kBAlongK_, bool kMasked_ = false, bool kSumLines_ = false,
          class Elements = TensorElements<>>
struct TensorProduct {
  using Math = Tf32Math;
  using ElementA = typename Elements::A;
  using ElementB = typename Elements::B;
  using ElementC = typename Elements::C;
  static constexpr bool kAAlongK = kAAlongK_, kBAlongK = kBAlongK_;
  static constexpr bool kMasked = kMasked_, kSumLines = kSumLines_;
};

/// Shared memory of a block: the bias of its columns, then `stages` times A, its mask and B, whose
/// place the sums take in the end.
template <TensorTile kTensorTile, class Product>
struct TensorShared {
  using ElementA = typename Product::ElementA;
  using ElementB = typename Product::ElementB;
  static constexpr TensorTileSize kTile = size_of(kTensorTile);
  using LayoutA = TensorTileLayout<ElementA, Product::kAAlongK, kTile.m>;
  using LayoutB = TensorTileLayout<ElementB, Product::kBAlongK, kTile.n>;
  static constexpr int kMask = LayoutA::kSize * static_cast<int>(sizeof(ElementA));  // in bytes
  static constexpr int kB = Product::kMasked ? 2 * kMask : kMask;                    // likewise
  static constexpr int kStageBytes = kB + LayoutB::kSize * static_cast<int>(sizeof(ElementB));
  static_assert(kMask % 16 == 0 && kStageBytes % 16 == 0);
  static constexpr int kSumPitch = kTile.n + 8;  // a row of sums: the tile's, then that of its line
  static constexpr int kSumBytes = kTile.m * kSumPitch * static_cast<int>(sizeof(float));

  static __device__ ElementA* a_of(std::byte* stage) { return reinterpret_cast<ElementA*>(stage); }
  static __device__ ElementA* mask_of(std::byte* stage) {
    return reinterpret_cast<ElementA*>(stage + kMask);
  }
  static __device__ ElementB* b_of(std::byte* stage) {
    return reinterpret_cast<ElementB*>(stage + kB);
  }

  static int bytes(int stages) {
    return kTile.n * static_cast<int>(sizeof(float)) + std::max(stages * kStageBytes, kSumBytes);
  }
};

/// A warp's part of the tile: which rows, columns and k, and the sums so far, in fragments.
template <TensorTile kTensorTile, class Product>
class WarpTile {
 public:
  using Shared = TensorShared<kTensorTile, Product>;
  using Math = typename Product::Math;
  static constexpr TensorTileSize kTile = Shared::kTile;

  __device__ WarpTile() {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    group_ = lane / 4;
    t_ = lane % 4;
    column_ = warp % kTile.warps_n * kTile.warp_n();
    row_ = warp / kTile.warps_n % kTile.warps_m * kTile.warp_m();
    k_group_ = warp / (kTile.warps_n * kTile.warps_m);
  }

  __device__ void multiply(std::byte* stage) {
#pragma unroll
    for (int i = 0; i < kTensorTileK / 8 / kTile.warps_k; ++i) {
      const int k = (i * kTile.warps_k + k_group_) * 8;
      typename Math::FragmentB b[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
        Math::template pack_b<typename Product::ElementB>(
            pair_of<typename Shared::LayoutB>(Shared::b_of(stage), column_ + c * 8, k), b[c]);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const float2 upper = pair_of_a(stage, row_ + r * 16, k);
        const float2 lower = pair_of_a(stage, row_ + r * 16 + 8, k);
        if constexpr (Product::kSumLines) {
          line_sums_[r][0] += upper.x + upper.y;
          line_sums_[r][1] += lower.x + lower.y;
        }
        typename Math::FragmentA a;
        Math::template pack_a<typename Product::ElementA>(upper, lower, a);
#pragma unroll
        for (int c = 0; c < kColumns; ++c) Math::multiply(sums_[r][c], a, b[c]);
      }
    }
  }

  /// Brings the sums of all warps to shared memory: element (i, j) of the tile to place
  /// i kSumPitch + j, the sum of line i to i kSumPitch + n. Warps that share a part of the tile
  /// take turns: the first stores, the other adds.
  __device__ void gather(float* sums) {
    if constexpr (Product::kSumLines) sum_lines_in_group();
#pragma unroll 1
    for (int turn = 0; turn < kTile.warps_k; ++turn) {
      if (k_group_ == turn) {
#pragma unroll
        for (int r = 0; r < kRows; ++r)
#pragma unroll
          for (int half = 0; half < 2; ++half) put_row(sums, r, half, turn > 0);
      }
      __syncthreads();
    }
  }

 private:
  static constexpr int kRows = kTile.warp_m() / 16, kColumns = kTile.warp_n() / 8;

  template <class Layout, class Element>
  __device__ float2 pair_of(const Element* tile, int first_line, int k) const {
    return {Layout::at(tile, first_line + group_, k + Math::first_k(t_)),
            Layout::at(tile, first_line + group_, k + Math::second_k(t_))};
  }
  __device__ float2 pair_of_a(std::byte* stage, int first_line, int k) const {
    float2 pair = pair_of<typename Shared::LayoutA>(Shared::a_of(stage), first_line, k);
    if constexpr (Product::kMasked) {
      const float2 open = pair_of<typename Shared::LayoutA>(Shared::mask_of(stage), first_line, k);
      pair.x = open.x > 0 ? pair.x : 0.0f;
      pair.y = open.y > 0 ? pair.y : 0.0f;
    }
    return pair;
  }

  /// The lanes of a group hold different k of the same lines.
  __device__ void sum_lines_in_group() {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int distance = 1; distance < 4; distance *= 2)
          line_sums_[r][half] += __shfl_xor_sync(0xffffffff, line_sums_[r][half], distance);
  }

  __device__ void put_row(float* sums, int r, int half, bool add) {
    float* row = sums + (row_ + r * 16 + half * 8 + group_) * Shared::kSumPitch;
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      auto* place = reinterpret_cast<float2*>(row + column_ + c * 8 + 2 * t_);
      float2 own{sums_[r][c][2 * half], sums_[r][c][2 * half + 1]};
      if (add) own.x += place->x, own.y += place->y;
      *place = own;
    }
    if constexpr (Product::kSumLines)
      if (column_ == 0 && t_ == 0) row[kTile.n] = line_sums_[r][half] + (add ? row[kTile.n] : 0.0f);
  }

  int group_, t_, row_, column_, k_group_;
  float sums_[kRows][kColumns][4] = {};
  float line_sums_[kRows][2] = {};  // no registers unless Product::kSumLines
};

}  // namespace strata::cuda
