// A float32 cut to its upper 16 bits: the same range, 8 significant bits. Only a form of storage:
// kernels compute in float32 and round what they store.
#pragma once

#include <cstdint>

#include "tensor/host_device.h"

namespace strata {

struct BFloat16 {
  uint16_t bits;

  STRATA_HOST_DEVICE explicit operator float() const {
    return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
  }

  /// The nearest, ties to even. On the host: kernels have an instruction for it.
  static BFloat16 nearest(float value) {
    const auto whole = __builtin_bit_cast(uint32_t, value);
    // A NaN whose set bits are all in the lower half would round to infinity.
    if (value != value) return {static_cast<uint16_t>(whole >> 16 | 0x40)};
    return {static_cast<uint16_t>((whole + 0x7fff + (whole >> 16 & 1)) >> 16)};
  }
};

}  // namespace strata
