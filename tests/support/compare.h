// Comparing tensors: fails on NaN, on empty tensors and on a shape mismatch, and prints the worst
// element.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace strata::test {

/// |actual - expected| <= absolute + relative |expected|, for every element.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

/// One float32 rounding is 6e-8; sums of n terms in another order differ by some sqrt(n) of them.
/// Enough for up to some thousand terms of size one.
inline constexpr Tolerance kFloat32{.relative = 2e-5, .absolute = 2e-5};
inline constexpr Tolerance kExact{};

testing::AssertionResult close(const Tensor& actual, const Tensor& expected,
                               Tolerance tolerance = kFloat32);
testing::AssertionResult close(const Tensor& actual, const std::vector<double>& expected,
                               Tolerance tolerance = kFloat32);
/// The same bits in every element.
testing::AssertionResult identical(const Tensor& actual, const Tensor& expected);

/// The elements of any tensor as doubles.
std::vector<double> values_of(const Tensor& tensor);

/// Uniform in [low, high), from the seed; float64 on the CPU unless asked otherwise.
Tensor random_tensor(const Shape& shape, uint64_t seed, double low = -1, double high = 1,
                     DType dtype = DType::float64);
/// float32, float64 or bfloat16 (the nearest), on any device.
Tensor converted(const Tensor& tensor, DType dtype, Device device);

/// Runs `statement` and checks that it throws a strata::Error of `kind` whose one-line message
/// contains `words`.
template <class Statement>
testing::AssertionResult fails(ErrorKind kind, const std::string& words, Statement&& statement) {
  try {
    statement();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.kind() != kind)
      return testing::AssertionFailure() << "another kind of error: " << message;
    if (message.find(words) == std::string::npos)
      return testing::AssertionFailure() << "'" << message << "' lacks '" << words << "'";
    if (message.find('\n') != std::string::npos)
      return testing::AssertionFailure() << "more than one line: " << message;
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "nothing was thrown; expected '" << words << "'";
}

template <class Statement>
testing::AssertionResult fails(const std::string& words, Statement&& statement) {
  return fails(ErrorKind::invalid_argument, words, std::forward<Statement>(statement));
}

}  // namespace strata::test
