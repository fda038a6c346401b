// The extents of a tensor: a small value without heap memory. Row-major, last axis contiguous.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "tensor/error.h"

namespace strata {

class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;  // rank 0: a scalar, one element
  Shape(std::initializer_list<int64_t> extents)
      : Shape(std::span<const int64_t>(extents.begin(), extents.size())) {}
  /// Throws unless the rank is at most `kMaxRank`, no extent is negative, and the number of
  /// elements fits 48 bits (so that byte counts and index arithmetic cannot overflow).
  explicit Shape(std::span<const int64_t> extents) : rank_(static_cast<int>(extents.size())) {
    check(extents.size() <= kMaxRank, "a shape has at most {} axes, got {}", kMaxRank,
          extents.size());
    __int128 size = 1;
    for (int axis = 0; axis < rank_; ++axis) {
      check(extents[axis] >= 0, "axis {} of a shape has the negative extent {}", axis,
            extents[axis]);
      extents_[axis] = extents[axis];
      size *= extents[axis];
      check(size < (__int128{1} << 48), "a shape of over 2^48 elements cannot be held");
    }
    size_ = static_cast<int64_t>(size);
  }

  int rank() const { return rank_; }
  int64_t size() const { return size_; }
  int64_t operator[](int axis) const { return extents_[normalise(axis)]; }
  const int64_t* begin() const { return extents_.data(); }
  const int64_t* end() const { return extents_.data() + rank_; }

  /// Maps a negative axis to its positive one (-1 is the last); throws when out of range.
  int normalise(int axis) const {
    const int positive = axis < 0 ? axis + rank_ : axis;
    if (positive < 0 || positive >= rank_) [[unlikely]]  // check() would make the string each time
      fail(ErrorKind::invalid_argument, "axis {} is out of range for shape {}", axis, to_string());
    return positive;
  }

  /// The product of the extents of axes [first, last).
  int64_t product(int first, int last) const {
    int64_t result = 1;
    for (int axis = first; axis < last; ++axis) result *= extents_[axis];
    return result;
  }

  bool operator==(const Shape& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

  std::string to_string() const;  // "(256, 24, 24, 24)"

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
  int64_t size_ = 1;
};

}  // namespace strata

template <>
struct fmt::formatter<strata::Shape> : fmt::formatter<std::string_view> {
  auto format(const strata::Shape& shape, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(shape.to_string(), context);
  }
};
