#include "ops/strided.h"

#include "ops/strided_copy_kernels.h"

namespace strata {

Strides strides_of(const Shape& shape) {
  Strides strides{};
  for (int axis = 0; axis < shape.rank(); ++axis)
    strides[axis] = shape.product(axis + 1, shape.rank());
  return strides;
}

Strides broadcast_strides(const Shape& shape, const Shape& target) {
  const Strides own = strides_of(shape);
  const int missing = target.rank() - shape.rank();
  Strides strides{};
  for (int axis = 0; axis < shape.rank(); ++axis)
    strides[missing + axis] = shape[axis] == 1 ? 0 : own[axis];
  return strides;
}

CopyWalk box_walk(const Shape& extents, const Shape& from, int64_t from_start, const Shape& to,
                  int64_t to_start) {
  return {extents,
          {StridedOperand{strides_of(from), from_start}, StridedOperand{strides_of(to), to_start}}};
}

}  // namespace strata
