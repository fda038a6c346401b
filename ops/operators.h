// + - * / between tensors, and between a tensor and a number, spelled as operators. A number
// becomes a tensor of one element, of the other operand's dtype and on its device.
#pragma once

#include "ops/binary.h"
#include "ops/unary.h"

namespace strata {

inline Tensor scalar_like(const Tensor& tensor, double value) {
  return Tensor::full({}, value, tensor.dtype(), tensor.device());
}

inline Tensor operator-(const Tensor& a) {
  return ops::negate(a);
}

inline Tensor operator+(const Tensor& a, const Tensor& b) {
  return ops::add(a, b);
}
inline Tensor operator-(const Tensor& a, const Tensor& b) {
  return ops::subtract(a, b);
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return ops::multiply(a, b);
}
inline Tensor operator/(const Tensor& a, const Tensor& b) {
  return ops::divide(a, b);
}

inline Tensor operator+(const Tensor& a, double b) {
  return a + scalar_like(a, b);
}
inline Tensor operator-(const Tensor& a, double b) {
  return a - scalar_like(a, b);
}
inline Tensor operator*(const Tensor& a, double b) {
  return a * scalar_like(a, b);
}
inline Tensor operator/(const Tensor& a, double b) {
  return a / scalar_like(a, b);
}

inline Tensor operator+(double a, const Tensor& b) {
  return scalar_like(b, a) + b;
}
inline Tensor operator-(double a, const Tensor& b) {
  return scalar_like(b, a) - b;
}
inline Tensor operator*(double a, const Tensor& b) {
  return scalar_like(b, a) * b;
}
inline Tensor operator/(double a, const Tensor& b) {
  return scalar_like(b, a) / b;
}

}  // namespace strata
