// One kernel moves all data that is moved: a box of elements from one tensor to another, each with
// its own start and strides. Transpose, concatenate and slice differ only in the walk.
#pragma once

#include "ops/strided.h"
#include "tensor/tensor.h"

namespace strata {

/// Operand 0 is read, operand 1 written.
using CopyWalk = StridedWalk<2>;

/// The walk that copies a box of `extents` between tensors of these shapes; the box begins at
/// `from_start` in one and at `to_start` in the other, in elements.
CopyWalk box_walk(const Shape& extents, const Shape& from, int64_t from_start, const Shape& to,
                  int64_t to_start);

// Both tensors are of one dtype, which may be any: elements are copied as bits.
#define STRATA_STRIDED_COPY_KERNELS \
  void strided_copy(const CopyWalk& walk, const Tensor& from, Tensor& to);
namespace reference {
STRATA_STRIDED_COPY_KERNELS
}
namespace cpu {
STRATA_STRIDED_COPY_KERNELS
}
namespace cuda {
STRATA_STRIDED_COPY_KERNELS
}
#undef STRATA_STRIDED_COPY_KERNELS

/// Calls `body` with a value of an unsigned type as wide as the elements.
template <class Body>
void visit_element_bits(DType dtype, Body&& body) {
  switch (size_of(dtype)) {
    case 1:
      return body(uint8_t{});
    case 4:
      return body(uint32_t{});
    case 8:
      return body(uint64_t{});
  }
}

}  // namespace strata
