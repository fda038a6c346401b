// bfloat16 on the CPU: storage that kernels widen and narrow, and pairs, which is how the processor
// multiplies it: two products at once, added to a float32.
#pragma once

#include <cstdint>

#include "tensor/bfloat16.h"

namespace strata::cpu {

/// Two numbers that are neighbours along the depth of a product, the first in the lower half.
using BFloat16Pair = uint32_t;

struct Widening {
  const BFloat16* from;
  int64_t count;
  float* to;
};
void widen(const Widening& work);

/// To the nearest, ties to even.
struct Narrowing {
  const float* from;
  int64_t count;
  BFloat16* to;
};
void narrow(const Narrowing& work);

/// to[i] = (first[i], second[i]); a second row that is null is zeros.
struct Pairing {
  const BFloat16 *first, *second;
  int64_t count;
  BFloat16Pair* to;
};
void pair_rows(const Pairing& work);

}  // namespace strata::cpu
