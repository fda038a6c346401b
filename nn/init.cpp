#include "nn/init.h"

#include <cmath>
#include <vector>

#include "tensor/pool.h"
#include "tensor/random.h"

namespace strata::nn {
namespace {

struct Fans {
  double in, out;
};

Fans fans_of(const Shape& shape) {
  check(shape.rank() == 2 || shape.rank() == 4,
        "init: a random start needs a shape (O, I) or (K, R, S, C), got {}", shape);
  const double window = shape.rank() == 4 ? static_cast<double>(shape[1] * shape[2]) : 1;
  return {window * static_cast<double>(shape[-1]), window * static_cast<double>(shape[0])};
}

double variance_of(Init::Kind kind, const Shape& shape) {
  const Fans fans = fans_of(shape);
  switch (kind) {
    case Init::Kind::glorot_uniform:
    case Init::Kind::glorot_normal:
      return 2 / (fans.in + fans.out);
    case Init::Kind::fan_in_uniform:
      return 1 / (3 * fans.in);
    default:
      return 2 / fans.in;
  }
}

/// Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958. Half a unit is added
/// to each word, which keeps the logarithm's argument above 0.
double normal(uint64_t seed, uint64_t stream, uint64_t index) {
  constexpr double kTwoPi = 6.28318530717958647692;
  const double u = (random_word(seed, stream, 2 * index) + 0.5) * 0x1p-32;
  const double v = (random_word(seed, stream, 2 * index + 1) + 0.5) * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * std::cos(kTwoPi * v);
}

std::vector<float> draw(const Shape& shape, const Init& init, uint64_t seed, uint64_t stream) {
  std::vector<float> values(static_cast<size_t>(shape.size()), static_cast<float>(init.value));
  if (init.kind == Init::Kind::constant) return values;
  const double deviation = std::sqrt(variance_of(init.kind, shape));
  const double bound = std::sqrt(3.0) * deviation;  // U(-a, a) has the variance a^2 / 3
  const bool is_normal =
      init.kind == Init::Kind::glorot_normal || init.kind == Init::Kind::he_normal;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(is_normal ? deviation * normal(seed, stream, i)
                                             : bound * (2 * random_uniform(seed, stream, i) - 1));
  }
  return values;
}

}  // namespace

Tensor Builder::parameter(const Shape& shape, const Init& init) {
  const MemoryScope scope(MemoryUse::weights);
  return Tensor::from(draw(shape, init, seed, take_stream()), shape, device);
}

Tensor Builder::buffer(const Shape& shape, double value) {
  const MemoryScope scope(MemoryUse::weights);
  return Tensor::full(shape, value, DType::float32, device);
}

}  // namespace strata::nn
