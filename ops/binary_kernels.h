// The formulas of the binary ops as functors for both compilers, how their operands broadcast, and
// the kernel's signature. Gradients are composed of these ops and sums, so there is one kernel.
#pragma once

#include <string_view>

#include "ops/strided.h"
#include "tensor/host_device.h"
#include "tensor/tensor.h"

namespace strata {

enum class Binary { add, subtract, multiply, divide };

struct Add {
  template <class T>
  STRATA_HOST_DEVICE static T apply(T a, T b) {
    return a + b;
  }
};

struct Subtract {
  template <class T>
  STRATA_HOST_DEVICE static T apply(T a, T b) {
    return a - b;
  }
};

struct Multiply {
  template <class T>
  STRATA_HOST_DEVICE static T apply(T a, T b) {
    return a * b;
  }
};

struct Divide {
  template <class T>
  STRATA_HOST_DEVICE static T apply(T a, T b) {
    return a / b;
  }
};

/// Calls `body` with the functor of `op`.
template <class Body>
void visit_binary(Binary op, Body&& body) {
  switch (op) {
    case Binary::add:
      return body(Add{});
    case Binary::subtract:
      return body(Subtract{});
    case Binary::multiply:
      return body(Multiply{});
    case Binary::divide:
      return body(Divide{});
  }
}

/// The shape to which both broadcast; throws `invalid_argument` when there is none.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);

// Broadcasts to the output's shape.
#define STRATA_BINARY_KERNELS \
  void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& output);
namespace reference {
STRATA_BINARY_KERNELS
}
namespace cpu {
STRATA_BINARY_KERNELS
}
namespace cuda {
STRATA_BINARY_KERNELS
}
#undef STRATA_BINARY_KERNELS

/// The walk of a broadcasting kernel: operand 0 is `a`, operand 1 is `b`; the output is contiguous.
inline StridedWalk<2> broadcast_walk(const Tensor& a, const Tensor& b, const Shape& output) {
  return {output,
          {StridedOperand{broadcast_strides(a.shape(), output)},
           StridedOperand{broadcast_strides(b.shape(), output)}}};
}

}  // namespace strata
