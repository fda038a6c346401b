// The formulas of the unary ops as functors for both compilers, and the kernels' signatures.
#pragma once

#include <cmath>

#include "tensor/host_device.h"
#include "tensor/tensor.h"

namespace strata {

enum class Unary { negate, exp, log, sqrt, relu, sigmoid, tanh, gelu };

/// What backward needs besides grad_output: nothing, the input or the output.
enum class UnarySaves { nothing, input, output };

// `saved` is the value that kSaves names.
struct Negate {
  static constexpr UnarySaves kSaves = UnarySaves::nothing;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return -x; }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T /*saved*/, T grad) { return -grad; }
};

struct Exp {
  static constexpr UnarySaves kSaves = UnarySaves::output;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return std::exp(x); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T y, T grad) { return grad * y; }
};

struct Log {
  static constexpr UnarySaves kSaves = UnarySaves::input;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return std::log(x); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T x, T grad) { return grad / x; }
};

struct Sqrt {
  static constexpr UnarySaves kSaves = UnarySaves::output;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return std::sqrt(x); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T y, T grad) { return grad / (2 * y); }
};

struct Relu {
  static constexpr UnarySaves kSaves = UnarySaves::output;
  // The comparison keeps NaN, which fmax would turn into 0 and so hide.
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return x < 0 ? T(0) : x; }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T y, T grad) { return y > 0 ? grad : T(0); }
};

struct Sigmoid {
  static constexpr UnarySaves kSaves = UnarySaves::output;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return 1 / (1 + std::exp(-x)); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T y, T grad) { return grad * y * (1 - y); }
};

struct Tanh {
  static constexpr UnarySaves kSaves = UnarySaves::output;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return std::tanh(x); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T y, T grad) { return grad * (1 - y * y); }
};

struct Gelu {
  static constexpr UnarySaves kSaves = UnarySaves::input;
  template <class T>
  STRATA_HOST_DEVICE static T forward(T x) { return x * probability(x); }
  template <class T>
  STRATA_HOST_DEVICE static T backward(T x, T grad) {
    constexpr T kInverseSqrt2Pi = T(0.39894228040143267794);
    return grad * (probability(x) + x * std::exp(-x * x / 2) * kInverseSqrt2Pi);
  }

 private:
  template <class T>
  STRATA_HOST_DEVICE static T probability(T x) {
    constexpr T kInverseSqrt2 = T(0.70710678118654752440);
    return (1 + std::erf(x * kInverseSqrt2)) / 2;
  }
};

/// Calls `body` with the functor of `op`.
template <class Body>
void visit_unary(Unary op, Body&& body) {
  switch (op) {
    case Unary::negate: return body(Negate{});
    case Unary::exp: return body(Exp{});
    case Unary::log: return body(Log{});
    case Unary::sqrt: return body(Sqrt{});
    case Unary::relu: return body(Relu{});
    case Unary::sigmoid: return body(Sigmoid{});
    case Unary::tanh: return body(Tanh{});
    case Unary::gelu: return body(Gelu{});
  }
}

// grad_input = d loss / d input; `saved` is undefined when the op saves nothing.
#define STRATA_UNARY_KERNELS                                                       \
  void unary(Unary op, const Tensor& input, Tensor& output);                       \
  void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output,    \
                      Tensor& grad_input);
namespace reference { STRATA_UNARY_KERNELS }
namespace cpu { STRATA_UNARY_KERNELS }
namespace cuda { STRATA_UNARY_KERNELS }
namespace cudnn { STRATA_UNARY_KERNELS }  // relu, sigmoid and tanh only
namespace onednn { STRATA_UNARY_KERNELS }  // the same three
#undef STRATA_UNARY_KERNELS

}  // namespace strata
