#include "ops/transpose.h"

#include "ops/dispatch.h"
#include "ops/strided_copy_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

using Permutation = std::array<int, Shape::kMaxRank>;

void permute(const Tensor& input, const Permutation& axes, Tensor& output) {
  const Strides strides = strides_of(input.shape());
  Strides permuted{};
  for (int axis = 0; axis < output.rank(); ++axis) permuted[axis] = strides[axes[axis]];
  const CopyWalk walk(output.shape(),
                      {StridedOperand{permuted}, StridedOperand{strides_of(output.shape())}});
  const Rung rung = choose_rung("transpose", input);
  STRATA_DISPATCH(rung, strided_copy, walk, input, output);
}

struct TransposeNode : Node {
  Permutation axes;

  Gradients backward(const Tensor& grad_output) override {
    Permutation inverse{};
    for (int axis = 0; axis < grad_output.rank(); ++axis) inverse[axes[axis]] = axis;
    Tensor grad_input = make_grad(0);
    permute(grad_output, inverse, grad_input);
    return {grad_input};
  }
};

Permutation checked(const Shape& shape, const std::vector<int>& axes) {
  const int rank = shape.rank();
  check(axes.empty() || static_cast<int>(axes.size()) == rank,
        "transpose: shape {} has {} axes, the permutation ({}) has {}", shape, rank,
        fmt::join(axes, ", "), axes.size());
  Permutation permutation{};
  std::array<bool, Shape::kMaxRank> taken{};
  for (int k = 0; k < rank; ++k) {
    const int axis = axes.empty() ? rank - 1 - k : shape.normalise(axes[k]);
    check(!taken[axis], "transpose: the permutation ({}) names axis {} twice",
          fmt::join(axes, ", "), axis);
    taken[axis] = true;
    permutation[k] = axis;
  }
  return permutation;
}

}  // namespace

Tensor transpose(const Tensor& input, const std::vector<int>& axes) {
  const TraceScope trace(TraceLayer::op, "transpose");
  const Permutation permutation = checked(input.shape(), axes);
  std::array<int64_t, Shape::kMaxRank> extents{};
  for (int k = 0; k < input.rank(); ++k) extents[k] = input.extent(permutation[k]);
  Tensor output =
      Tensor::empty(Shape(std::span(extents).first(input.rank())), input.dtype(), input.device());
  permute(input, permutation, output);
  return record<TransposeNode>("transpose", {input}, output,
                               [&](TransposeNode& node) { node.axes = permutation; });
}

}  // namespace strata::ops
