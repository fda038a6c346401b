#include "ops/slice.h"

#include "ops/dispatch.h"
#include "ops/strided_copy_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

struct SliceNode : Node {
  int64_t start;  // the box's first element in the input

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    grad_input.fill_zero();
    const Shape& box = grad_output.shape();
    const CopyWalk walk = box_walk(box, box, 0, grad_input.shape(), start);
    const Rung rung = choose_rung("slice", grad_output);
    STRATA_DISPATCH(rung, strided_copy, walk, grad_output, grad_input);
    return {grad_input};
  }
};

Shape checked_box(const Shape& shape, const std::vector<int64_t>& begin,
                  std::vector<int64_t> size) {
  const size_t rank = static_cast<size_t>(shape.rank());
  check(begin.size() == rank && size.size() == rank,
        "slice: shape {} needs {} begins and sizes, got {} and {}", shape, rank, begin.size(),
        size.size());
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t extent = shape[axis];
    const bool inside = begin[axis] >= 0 && begin[axis] <= extent && size[axis] >= -1 &&
                        size[axis] <= extent - begin[axis];
    check(inside, "slice: {} elements from {} on leave axis {} of shape {}", size[axis],
          begin[axis], axis, shape);
    if (size[axis] == -1) size[axis] = extent - begin[axis];
  }
  return Shape(std::span<const int64_t>(size));
}

}  // namespace

Tensor slice(const Tensor& input, const std::vector<int64_t>& begin,
             const std::vector<int64_t>& size) {
  const TraceScope trace(TraceLayer::op, "slice");
  const Shape box = checked_box(input.shape(), begin, size);
  const Strides strides = strides_of(input.shape());
  int64_t start = 0;
  for (int axis = 0; axis < input.rank(); ++axis) start += begin[axis] * strides[axis];

  Tensor output = Tensor::empty(box, input.dtype(), input.device());
  const CopyWalk walk = box_walk(box, input.shape(), start, box, 0);
  const Rung rung = choose_rung("slice", input);
  STRATA_DISPATCH(rung, strided_copy, walk, input, output);
  return record<SliceNode>("slice", {input}, output, [&](SliceNode& node) { node.start = start; });
}

}  // namespace strata::ops
