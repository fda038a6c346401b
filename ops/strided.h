// A row-major walk over an index space in which every operand moves by its own strides: how a
// kernel broadcasts, permutes or cuts out without a copy of its inputs. Tensors stay contiguous;
// strides exist only here.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "tensor/host_device.h"
#include "tensor/shape.h"

namespace strata {

/// How many elements apart neighbours along each axis are; 0 repeats the operand along the axis.
using Strides = std::array<int64_t, Shape::kMaxRank>;

/// The strides of a contiguous tensor.
Strides strides_of(const Shape& shape);

/// `strides_of(shape)` as seen from the axes of `target`, to which `shape` broadcasts.
Strides broadcast_strides(const Shape& shape, const Shape& target);

/// One tensor of a walk: where it starts, in elements, and how it moves.
struct StridedOperand {
  Strides strides;
  int64_t start = 0;
};

/// Axes of extent 1 are dropped and axes that every operand passes through like one are merged, so
/// tensors of equal shape become a single axis, and a matrix plus a row has two.
template <int kOperands>
class StridedWalk {
 public:
  StridedWalk(const Shape& extents, const std::array<StridedOperand, kOperands>& operands)
      : size_(extents.size()) {
    for (int k = 0; k < kOperands; ++k) start_[k] = operands[k].start;
    for (int axis = 0; axis < extents.rank(); ++axis) {
      if (extents[axis] != 1) append(extents[axis], operands, axis);
    }
    if (rank_ == 0) {  // one element; an axis all the same, so that no kernel has to ask
      rank_ = 1;
      extent_[0] = 1;
    }
  }

  int64_t size() const { return size_; }
  /// The stride of operand `k` along the last axis.
  int64_t last_stride(int k) const { return stride_[k][rank_ - 1]; }
  /// Whether operand `k` is read or written from its start without gaps.
  bool contiguous(int k) const { return rank_ == 1 && (stride_[k][0] == 1 || size_ <= 1); }

  struct Offsets {
    int64_t of[kOperands];
  };

  /// The operands' offsets at the position with row-major number `flat`.
  STRATA_HOST_DEVICE Offsets at(int64_t flat) const {
    // 32-bit divisions are several times faster on a GPU.
    return size_ <= UINT32_MAX ? split<uint32_t>(static_cast<uint32_t>(flat))
                               : split<uint64_t>(static_cast<uint64_t>(flat));
  }

  /// Calls `body(flat, offsets, count)` for the pieces of rows along the last axis that make up
  /// positions [begin, end).
  template <class Body>
  void for_each_row(int64_t begin, int64_t end, Body&& body) const {
    const int64_t width = extent_[rank_ - 1];
    for (int64_t flat = begin; flat < end;) {
      const int64_t count = std::min(width - flat % width, end - flat);
      body(flat, at(flat), count);
      flat += count;
    }
  }

 private:
  void append(int64_t extent, const std::array<StridedOperand, kOperands>& operands, int axis) {
    bool merges = rank_ > 0;
    for (int k = 0; k < kOperands && merges; ++k)
      merges = stride_[k][rank_ - 1] == operands[k].strides[axis] * extent;
    if (!merges) extent_[rank_++] = 1;
    extent_[rank_ - 1] *= extent;
    for (int k = 0; k < kOperands; ++k) stride_[k][rank_ - 1] = operands[k].strides[axis];
  }

  template <class Index>
  STRATA_HOST_DEVICE Offsets split(Index flat) const {
    Offsets offsets{};
    for (int k = 0; k < kOperands; ++k) offsets.of[k] = start_[k];
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      const Index extent = static_cast<Index>(extent_[axis]);
      const Index outer = axis > 0 ? flat / extent : 0;
      const int64_t coordinate = static_cast<int64_t>(flat - outer * extent);
      for (int k = 0; k < kOperands; ++k) offsets.of[k] += coordinate * stride_[k][axis];
      flat = outer;
    }
    return offsets;
  }

  int rank_ = 0;
  int64_t size_;
  int64_t extent_[Shape::kMaxRank] = {};
  int64_t stride_[kOperands][Shape::kMaxRank] = {};
  int64_t start_[kOperands] = {};
};

}  // namespace strata
