// Matrices in global memory as operands of tensor_gemm.cuh, and their tiles in shared memory.
#pragma once

#include <cstdint>

#include "ops/cuda/mma.cuh"
#include "ops/cuda/tensor_gemm_plan.h"

namespace strata::cuda {

/// A matrix of lines (rows of A, columns of B) with one element for each k. Where k runs along
/// memory, element k of line i is data[i stride + k], otherwise data[k stride + i]. `stride` is the
/// length of a row in memory: nothing lies between rows.
template <class Element>
struct TensorOperand {
  const Element* data;
  int64_t stride;
  /// A matrix in the same layout, or null: where it is not above 0, the element counts as 0 (the
  /// gradient of ReLU).
  const Element* mask = nullptr;

  /// Whether every 16 bytes that start at a multiple of 16 within a line of memory are aligned.
  bool takes_vectors() const {
    const auto aligned = [](const void* address) {
      return reinterpret_cast<uintptr_t>(address) % 16 == 0;
    };
    return stride * static_cast<int64_t>(sizeof(Element)) % 16 == 0 && aligned(data) &&
           aligned(mask);
  }
};

/// What a block reads at one step: kLines lines from `first_line` on, k from `k` on.
struct TileOrigin {
  int first_line, lines;  // elements of lines from `lines` on are 0
  int k, k_end;           // and so are those from k_end on
};

/// kLines lines of kTensorTileK elements, float or BFloat16, in shared memory, as they lie in
/// global memory, so that 16 bytes can be copied at once, with padding after every row.
///
/// The padding puts the words that a warp reads at once into different banks: lane (group, t) =
/// (lane / 4, lane % 4) reads element t of line `group`, which stands in bank 4 group + t along k
/// (rows of 36 words) and 8 t + group across k (rows of 8 words more than a multiple of 32). With
/// two elements a word rows along k are 20 words; lanes that share a word read it at once.
template <class Element, bool kAlongK, int kLines>
struct TensorTileLayout {
  static constexpr int kVector = 16 / static_cast<int>(sizeof(Element));
  static constexpr int kRowLength = kAlongK ? kTensorTileK : kLines;
  static constexpr int kPitch = kRowLength + (kAlongK ? kVector : 2 * kVector);
  static constexpr int kSize = (kAlongK ? kLines : kTensorTileK) * kPitch;  // in elements

  static __device__ float at(const Element* tile, int line, int k) {
    return static_cast<float>(tile[kAlongK ? line * kPitch + k : k * kPitch + line]);
  }

  /// Starts the copy of a tile; neighbouring threads copy neighbouring addresses.
  template <int kThreads>
  static __device__ void fetch(Element* tile, const Element* data, int64_t stride, bool vectors,
                               const TileOrigin& origin) {
    if (vectors)
      fetch_units<kThreads, kVector>(tile, data, stride, origin);
    else
      fetch_units<kThreads, 1>(tile, data, stride, origin);
  }

 private:
  template <int kThreads, int kUnit>
  static __device__ void fetch_units(Element* tile, const Element* data, int64_t stride,
                                     const TileOrigin& origin) {
    constexpr int kRowUnits = kRowLength / kUnit;
    constexpr int kUnits = kLines * kTensorTileK / kUnit;
    constexpr int kRounds = (kUnits + kThreads - 1) / kThreads;
    static_assert(kUnits % kThreads == 0 || kRounds == 1);
#pragma unroll(kUnit == 1 ? 1 : kRounds)
    for (int i = 0; i < kRounds; ++i) {
      const int unit = i * kThreads + static_cast<int>(threadIdx.x);
      if (kUnits < kThreads && unit >= kUnits) break;
      const int row = unit / kRowUnits, column = unit % kRowUnits * kUnit;
      const int line = origin.first_line + (kAlongK ? row : column);
      const int k = origin.k + (kAlongK ? column : row);
      const bool wanted = line < origin.lines && k < origin.k_end;
      const Element* source = data + (kAlongK ? line * stride + k : k * stride + line);
      Element* target = tile + row * kPitch + column;
      if constexpr (kUnit * sizeof(Element) == 16)
        copy_async_16(target, wanted ? source : data, wanted);
      else if constexpr (sizeof(Element) == 4)
        copy_async_4(target, wanted ? source : data, wanted);
      else  // too narrow for asynchronous copies; seen by others after the same barrier
        *target = wanted ? *source : Element{};
    }
  }
};

}  // namespace strata::cuda
