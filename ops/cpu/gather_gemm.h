// The one inner loop behind matrix products and convolutions on the CPU: a matrix product whose
// left factor is read through tables of offsets, so that a convolution needs no copy of its
// windows.
//
//   c[i][j] (+)= sum over l of a[row_offsets[i] + depth_offsets[l]] b[l][j]
//
// Compiled for AVX-512, AVX2 and the baseline; the processor's best is chosen at the first call.
// What it leaves out: packing and threads (ops/cpu/gemm.h).
#pragma once

#include <cstdint>
#include <span>

#include "tensor/trace.h"

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
  int64_t columns;  // 1 to the variant's panel_width
  bool accumulate;
};

/// One compilation of the loop.
struct GatherGemmVariant {
  const char* name;
  int64_t panel_width;  // how many columns a call may have: as many as the registers hold well
  /// Sums in the order of l, in blocks that depend on nothing but the depth: a row's result has the
  /// same bits whichever rows stand beside it.
  void (*compute)(const GatherGemm& product);
};

/// Those that this processor can run, the fastest first.
std::span<const GatherGemmVariant> gather_gemm_variants();

/// Tells the x-ray for which instructions the loop is compiled that runs here.
inline void note_instructions() {
  trace_note("instructions", gather_gemm_variants()[0].name);
}

inline int64_t panel_width() {
  return gather_gemm_variants()[0].panel_width;
}
inline void gather_gemm(const GatherGemm& product) {
  gather_gemm_variants()[0].compute(product);
}

}  // namespace strata::cpu
