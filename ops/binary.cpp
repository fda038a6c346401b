#include "ops/binary.h"

#include "ops/binary_kernels.h"
#include "ops/dispatch.h"
#include "ops/reduce.h"
#include "ops/unary.h"
#include "tensor/autograd.h"

namespace strata {

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<int64_t, Shape::kMaxRank> extents{};
  for (int axis = 1; axis <= rank; ++axis) {  // counted from the last
    const int64_t x = axis <= a.rank() ? a[-axis] : 1, y = axis <= b.rank() ? b[-axis] : 1;
    check(x == y || x == 1 || y == 1, "{}: shapes {} and {} do not broadcast: {} against {}", op, a,
          b, x, y);
    extents[rank - axis] = x == 1 ? y : x;
  }
  return Shape(std::span(extents).first(rank));
}

namespace ops {
namespace {

// The sum over the axes along which a tensor of `shape` was repeated.
Tensor sum_to(const Shape& shape, const Tensor& gradient) {
  if (gradient.shape() == shape) return gradient;
  const int missing = gradient.rank() - shape.rank();
  ReduceOptions options{.axes = {}, .keep_dims = true};
  for (int axis = 0; axis < gradient.rank(); ++axis) {
    if (axis < missing || shape[axis - missing] != gradient.extent(axis))
      options.axes.push_back(axis);
  }
  return sum(gradient, options).view(shape);
}

struct BinaryNode : Node {
  Binary op;
  Shape a_shape, b_shape;
  Tensor a, b, output;  // multiply: each operand that the other's gradient needs; divide: b, output

  Gradients backward(const Tensor& grad_output) override {
    const MemoryScope scope(MemoryUse::gradients);
    switch (op) {
      case Binary::add:
        return {grad_of_a(grad_output), grad_of_b(grad_output)};
      case Binary::subtract: {
        const Tensor sum = grad_of_b(grad_output);
        return {grad_of_a(grad_output), needs(1) ? negate(sum) : Tensor()};
      }
      case Binary::multiply:
        return {needs(0) ? grad_of_a(multiply(grad_output, b)) : Tensor(),
                needs(1) ? grad_of_b(multiply(grad_output, a)) : Tensor()};
      case Binary::divide: {
        const Tensor quotient = divide(grad_output, b);
        return {grad_of_a(quotient),
                needs(1) ? negate(grad_of_b(multiply(quotient, output))) : Tensor()};
      }
    }
    return {};
  }

 private:
  Tensor grad_of_a(const Tensor& full) { return needs(0) ? sum_to(a_shape, full) : Tensor(); }
  Tensor grad_of_b(const Tensor& full) { return needs(1) ? sum_to(b_shape, full) : Tensor(); }
};

Tensor binary(std::string_view name, Binary op, const Tensor& a, const Tensor& b) {
  const TraceScope trace(TraceLayer::op, name);
  check_floating(name, a);
  check(a.dtype() == b.dtype(), "{}: one operand is {}, the other {}", name, a.dtype(), b.dtype());
  check_same_device(name, a, b);
  Tensor output = Tensor::empty(broadcast(name, a.shape(), b.shape()), a.dtype(), a.device());
  const Rung rung = choose_rung(name, output);
  STRATA_DISPATCH(rung, binary, op, a, b, output);
  return record<BinaryNode>(name, {a, b}, output, [&](BinaryNode& node) {
    node.op = op;
    node.a_shape = a.shape();
    node.b_shape = b.shape();
    if (op == Binary::multiply) {
      if (b.requires_grad()) node.a = a.detach();
      if (a.requires_grad()) node.b = b.detach();
    } else if (op == Binary::divide) {
      node.b = b.detach();
      if (b.requires_grad()) node.output = output.detach();
    }
  });
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return binary("add", Binary::add, a, b);
}
Tensor subtract(const Tensor& a, const Tensor& b) {
  return binary("subtract", Binary::subtract, a, b);
}
Tensor multiply(const Tensor& a, const Tensor& b) {
  return binary("multiply", Binary::multiply, a, b);
}
Tensor divide(const Tensor& a, const Tensor& b) {
  return binary("divide", Binary::divide, a, b);
}

}  // namespace ops
}  // namespace strata
