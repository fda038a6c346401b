// The one inner loop behind matrix products and convolutions on the CPU: a matrix product whose
// left factor is read through tables of offsets, so that a convolution needs no copy of its
// windows.
//
//   c[i][j] (+)= sum over l of a[row_offsets[i] + depth_offsets[l]] b[l][j]
//
// What it leaves out: packing and threads (ops/cpu/gemm.h).
#pragma once

#include <cstdint>
#include <span>

namespace strata::cpu {

/// Rows of b are read in units of this many floats.
inline constexpr int64_t kColumnUnit = 8;

constexpr int64_t round_up_to_unit(int64_t columns) {
  return (columns + kColumnUnit - 1) / kColumnUnit * kColumnUnit;
}

struct GatherGemm {
  const float* a;
  std::span<const int64_t> row_offsets;
  std::span<const int64_t> depth_offsets;
  const float* b;  // row l at b + l b_stride, readable up to round_up_to_unit(columns)
  int64_t b_stride;
  float* c;  // row i at c + i c_stride, written up to `columns`
  int64_t c_stride;
  int64_t columns;  // 1 to panel_width()
  bool accumulate;
};

/// Sums in the order of l, in blocks that depend on nothing but the depth: a row's result has the
/// same bits whichever rows stand beside it.
void gather_gemm(const GatherGemm& product);

/// How many columns a call may have: as many as the registers in use hold well.
int64_t panel_width();

}  // namespace strata::cpu
