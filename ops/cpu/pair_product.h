// The inner loop of products in bfloat16, the counterpart of ops/cpu/gather_gemm.h: a matrix
// product whose left factor is read through tables of offsets.
//
//   c[i][j] = sum over l of a[row_offsets[i] + depth_offsets[l]] b[l][j].first
//                         + a[row_offsets[i] + depth_offsets[l] + 1] b[l][j].second
//
// For processors with AVX-512 BF16 only, whose instruction adds both products to a float32.
#pragma once

#include <cstdint>
#include <span>

#include "ops/cpu/bf16.h"

namespace strata::cpu {

/// Columns of b are read in units of this many pairs.
inline constexpr int64_t kPairUnit = 16;
/// The most columns that a call may have.
inline constexpr int64_t kPairPanelWidth = 32;

struct PairProduct {
  const BFloat16* a;
  std::span<const int64_t> row_offsets;
  std::span<const int64_t> depth_offsets;
  const BFloat16Pair* b;  // row l at b + l b_stride
  int64_t b_stride;       // a multiple of kPairUnit, at least the columns
  float* c;               // row i at c + i c_stride, written up to `columns`
  int64_t c_stride;
  int64_t columns;
};

/// Whether this processor has the instructions, and may use them.
bool has_pair_products();
/// To be called only where it does.
void pair_product(const PairProduct& product);

}  // namespace strata::cpu
