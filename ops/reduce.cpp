#include "ops/reduce.h"

#include "ops/dispatch.h"
#include "ops/reduce_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

struct ReduceNode : Node {
  std::string_view name;
  Reduction kind;
  ReduceGeometry geometry;
  Tensor positions;  // max only

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    if (grad_input.size() > 0) {
      const Rung rung = choose_rung(name, grad_output);
      STRATA_DISPATCH(rung, reduce_backward, kind, geometry, positions, grad_output, grad_input);
    }
    return {grad_input};
  }
};

Tensor reduce_adjacent(std::string_view name, Reduction kind, const ReduceGeometry& geometry,
                       const Tensor& input, const Shape& output_shape) {
  Tensor output = Tensor::empty(output_shape, input.dtype(), input.device());
  Tensor positions;
  if (kind == Reduction::max) positions = Tensor::empty(output_shape, DType::int32, input.device());
  if (input.size() == 0) {
    output.fill_zero();
  } else {
    const Rung rung = choose_rung(name, input);
    STRATA_DISPATCH(rung, reduce, kind, geometry, input, output, positions);
  }
  return record<ReduceNode>(name, {input}, output, [&](ReduceNode& node) {
    node.name = name;
    node.kind = kind;
    node.geometry = geometry;
    node.positions = positions;
  });
}

using AxisSet = std::array<bool, Shape::kMaxRank>;

AxisSet reduced_axes(std::string_view name, const Shape& shape, const std::vector<int>& axes) {
  AxisSet reduced{};
  for (const int axis : axes) {
    bool& chosen = reduced[shape.normalise(axis)];
    check(!chosen, "{}: axis {} of shape {} is named twice", name, axis, shape);
    chosen = true;
  }
  if (axes.empty()) reduced.fill(true);
  return reduced;
}

// `shape` with the reduced axes from `first` on set to 1, or left out.
Shape without(const Shape& shape, const AxisSet& reduced, int first, bool keep_dims) {
  std::vector<int64_t> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis < first || !reduced[axis])
      extents.push_back(shape[axis]);
    else if (keep_dims)
      extents.push_back(1);
  }
  return Shape(extents);
}

// Groups of adjacent axes one after another, from the last to the first. A maximum of maxima is
// then the first in row-major order, and a mean of means of equally many is the mean.
Tensor reduce(std::string_view name, Reduction kind, const Tensor& input,
              const ReduceOptions& options) {
  const TraceScope trace(TraceLayer::op, name);
  check_floating(name, input);
  const Shape& shape = input.shape();
  const AxisSet reduced = reduced_axes(name, shape, options.axes);
  const Shape output_shape = without(shape, reduced, 0, options.keep_dims);
  check(kind == Reduction::sum || input.size() > 0 || output_shape.size() == 0,
        "{}: there is nothing to reduce in shape {}", name, shape);
  check(kind != Reduction::max || input.size() <= INT32_MAX,
        "{}: {} has more elements than a position can count", name, shape);
  Tensor result = input;
  for (int last = shape.rank(); last > 0;) {
    int first = last;
    while (first > 0 && reduced[first - 1]) --first;
    if (first == last) {
      --last;
      continue;
    }
    const bool more =
        std::find(reduced.begin(), reduced.begin() + first, true) != reduced.begin() + first;
    const Shape& now = result.shape();  // axes behind `last` are reduced already
    result = reduce_adjacent(name, kind,
                             {.outer = now.product(0, first),
                              .reduced = now.product(first, last),
                              .inner = now.product(last, now.rank())},
                             result, more ? without(shape, reduced, first, true) : output_shape);
    last = first;
  }
  if (shape.rank() == 0) return reduce_adjacent(name, kind, {}, input, output_shape);
  return result;
}

}  // namespace

Tensor sum(const Tensor& input, const ReduceOptions& options) {
  return reduce("sum", Reduction::sum, input, options);
}
Tensor mean(const Tensor& input, const ReduceOptions& options) {
  return reduce("mean", Reduction::mean, input, options);
}
Tensor max(const Tensor& input, const ReduceOptions& options) {
  return reduce("max", Reduction::max, input, options);
}

}  // namespace strata::ops
