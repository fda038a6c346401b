#include "ops/concatenate.h"

#include "ops/dispatch.h"
#include "ops/strided_copy_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

struct ConcatenateNode : Node {
  std::vector<Shape> shapes;
  std::vector<int64_t> starts;  // of each input, in elements of the output

  Gradients backward(const Tensor& grad_output) override {
    Gradients gradients;
    for (size_t k = 0; k < shapes.size(); ++k) {
      Tensor grad_input = make_grad(k);
      if (grad_input.defined()) {
        const CopyWalk walk =
            box_walk(shapes[k], grad_output.shape(), starts[k], shapes[k], /*to_start=*/0);
        const Rung rung = choose_rung("concatenate", grad_output);
        STRATA_DISPATCH(rung, strided_copy, walk, grad_output, grad_input);
      }
      gradients.push_back(grad_input);
    }
    return gradients;
  }
};

Shape joined(const std::vector<Tensor>& inputs, int axis) {
  std::vector<int64_t> extents(inputs[0].shape().begin(), inputs[0].shape().end());
  extents[axis] = 0;
  for (const Tensor& input : inputs) {
    check(input.dtype() == inputs[0].dtype(), "concatenate: one tensor is {}, another {}",
          inputs[0].dtype(), input.dtype());
    check_same_device("concatenate", inputs[0], input);
    bool fits = input.rank() == inputs[0].rank();
    for (int other = 0; fits && other < input.rank(); ++other)
      fits = other == axis || input.extent(other) == inputs[0].extent(other);
    check(fits, "concatenate: shapes {} and {} differ on another axis than {}", inputs[0].shape(),
          input.shape(), axis);
    extents[axis] += input.extent(axis);
  }
  return Shape(std::span<const int64_t>(extents));
}

}  // namespace

Tensor concatenate(const std::vector<Tensor>& inputs, int axis) {
  const TraceScope trace(TraceLayer::op, "concatenate");
  check(!inputs.empty(), "concatenate: there is nothing to join");
  axis = inputs[0].shape().normalise(axis);
  Tensor output = Tensor::empty(joined(inputs, axis), inputs[0].dtype(), inputs[0].device());
  const int64_t stride = strides_of(output.shape())[axis];
  const Rung rung = choose_rung("concatenate", output);
  std::vector<int64_t> starts;
  int64_t start = 0;
  for (const Tensor& input : inputs) {
    const CopyWalk walk =
        box_walk(input.shape(), input.shape(), /*from_start=*/0, output.shape(), start);
    STRATA_DISPATCH(rung, strided_copy, walk, input, output);
    starts.push_back(start);
    start += input.extent(axis) * stride;
  }
  return record<ConcatenateNode>("concatenate", inputs, output, [&](ConcatenateNode& node) {
    for (const Tensor& input : inputs) node.shapes.push_back(input.shape());
    node.starts = starts;
  });
}

}  // namespace strata::ops
