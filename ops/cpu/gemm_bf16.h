// Matrix products whose factors are rounded to bfloat16, with sums in float32
// (ops/cpu/pair_product.h): packing and threads.
#pragma once

#include "ops/cpu/bf16.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/pair_product.h"
#include "tensor/bfloat16.h"
#include "tensor/tensor.h"

namespace strata::cpu {

/// A matrix stored as float32 or bfloat16, or its transpose, as MatrixView.
struct StoredMatrix {
  const void* data;
  DType dtype;
  int64_t row, column;
};

inline StoredMatrix stored_matrix(const Tensor& tensor, int64_t columns, bool transposed) {
  const void* data = tensor.dtype() == DType::bfloat16
                         ? static_cast<const void*>(tensor.data<BFloat16>())
                         : tensor.data<float>();
  return {data, tensor.dtype(), transposed ? 1 : columns, transposed ? columns : 1};
}

struct GemmBf16 {
  int64_t m, n, k;
  StoredMatrix a, b;
  Tensor c;                     // m x n, float32 or bfloat16; written whole
  const float* bias = nullptr;  // n values, added to each row
  bool relu = false;            // c = max(c, 0), after the bias
};

/// c = a b, then the epilogue, on all threads. Needs has_pair_products().
void gemm_bf16(const GemmBf16& product);

// Packing, for the convolution as well.

/// Pairs of a row of so many numbers.
inline int64_t pairs_in(int64_t numbers) {
  return (numbers + 1) / 2;
}

/// Rows of numbers, contiguous, from one row to the next `stride` apart.
struct StoredRows {
  int64_t rows, columns;
  const void* data;
  DType dtype;
  int64_t stride;
};
/// As pairs along the row, [row][pair]; the last has a zero where they are odd.
void pair_up(const StoredRows& from, BFloat16Pair* to);

/// Panels of kPairPanelWidth columns, [panel][pair][column], from [column][pair].
void pack_panels(const BFloat16Pair* by_column, int64_t columns, int64_t pairs, BFloat16Pair* to);
inline int64_t panels_size(int64_t columns, int64_t pairs) {
  return blocks_of(columns, kPairPanelWidth) * kPairPanelWidth * pairs;
}

/// Memory for pairs. One is as large as a float.
class PairMemory {
 public:
  explicit PairMemory(int64_t pairs) : memory_(workspace(pairs)) {}
  BFloat16Pair* data() const { return reinterpret_cast<BFloat16Pair*>(memory_.data<float>()); }

 private:
  Tensor memory_;
};

}  // namespace strata::cpu
