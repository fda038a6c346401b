// Element types. float32 is the working type; float64 exists on the CPU for gradient checks;
// bfloat16 only stores activations (Precision::bf16); uint8 and int32 hold images,
// labels and indices.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tensor/bfloat16.h"
#include "tensor/error.h"

namespace strata {

enum class DType { float32, float64, int32, uint8, bfloat16 };

template <class T>
inline constexpr DType kDTypeOf = [] { static_assert(sizeof(T) == 0, "not an element type"); }();
template <>
inline constexpr DType kDTypeOf<float> = DType::float32;
template <>
inline constexpr DType kDTypeOf<double> = DType::float64;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::int32;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::uint8;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::bfloat16;

constexpr size_t size_of(DType dtype) {
  constexpr size_t kBytes[] = {4, 8, 4, 1, 2};
  return kBytes[static_cast<int>(dtype)];
}

constexpr std::string_view name_of(DType dtype) {
  constexpr std::string_view kNames[] = {"float32", "float64", "int32", "uint8", "bfloat16"};
  return kNames[static_cast<int>(dtype)];
}

/// Whether a tensor of it can have a gradient.
constexpr bool is_floating(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64 || dtype == DType::bfloat16;
}

/// Calls `body(T{})` with the C++ type of a dtype that the CPU computes in; throws for the others.
template <class Body>
decltype(auto) visit_floating(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float32:
      return body(float{});
    case DType::float64:
      return body(double{});
    default:
      fail(ErrorKind::invalid_argument, "expected float32 or float64, got {}", name_of(dtype));
  }
}

}  // namespace strata

template <>
struct fmt::formatter<strata::DType> : fmt::formatter<std::string_view> {
  auto format(strata::DType dtype, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(strata::name_of(dtype), context);
  }
};
