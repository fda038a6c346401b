// Where parameters start from.
//
// With fan_in the inputs that one output sums over and fan_out the outputs that one input reaches:
//
//   glorot_uniform  U(-a, a), a = sqrt(6 / (fan_in + fan_out))
//   glorot_normal   N(0, 2 / (fan_in + fan_out))
//                   Glorot and Bengio, "Understanding the difficulty of training deep feedforward
//                   neural networks", AISTATS 2010, equations 12 and 16
//   he_uniform      U(-a, a), a = sqrt(6 / fan_in)
//   he_normal       N(0, 2 / fan_in)
//                   He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, equation 10
//   fan_in_uniform  U(-a, a), a = sqrt(1 / fan_in): smaller than He's; what PyTorch's layers take
//
// (O, I) of a dense layer: fan_in = I, fan_out = O. Filters (K, R, S, C): fan_in = R S C, fan_out =
// R S K. N(mean, variance).
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace strata::nn {

struct Init {
  enum class Kind {
    constant,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    fan_in_uniform
  };
  Kind kind = Kind::constant;
  double value = 0;  // of a constant

  static constexpr Init zeros() { return {}; }
  static constexpr Init constant(double value) { return {Kind::constant, value}; }
  static constexpr Init glorot_uniform() { return {.kind = Kind::glorot_uniform}; }
  static constexpr Init glorot_normal() { return {.kind = Kind::glorot_normal}; }
  static constexpr Init he_uniform() { return {.kind = Kind::he_uniform}; }
  static constexpr Init he_normal() { return {.kind = Kind::he_normal}; }
  static constexpr Init fan_in_uniform() { return {.kind = Kind::fan_in_uniform}; }
};

/// What layers are built with: the device they live on and the seed that decides all their numbers.
/// Each parameter takes the next stream, so the order of construction is part of the result.
struct Builder {
  Device device = Device::cpu;
  uint64_t seed = 1;
  uint64_t next_stream = 0;

  /// A float32 parameter. The numbers are drawn on the CPU, so that every device starts with the
  /// same bits. Throws `invalid_argument` for a random `init` of a shape that is neither (O, I) nor
  /// (K, R, S, C).
  Tensor parameter(const Shape& shape, const Init& init);
  /// Memory that belongs to the model but is not trained.
  Tensor buffer(const Shape& shape, double value);
  uint64_t take_stream() { return next_stream++; }
};

}  // namespace strata::nn
