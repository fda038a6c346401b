// Matrix products on the CPU: packing and threads around ops/cpu/gather_gemm.h.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace strata::cpu {

/// A matrix in row-major memory (column = 1), or its transpose (row = 1).
struct MatrixView {
  const float* data;
  int64_t row, column;  // element (i, j) at data[i row + j column]
};

inline MatrixView matrix_view(const float* data, int64_t columns, bool transposed) {
  return transposed ? MatrixView{data, 1, columns} : MatrixView{data, columns, 1};
}

/// A right factor of depth x columns, cut into panels of panel_width() columns in which a row is
/// contiguous. Holds no memory: `data` has size() floats.
struct PackedPanels {
  int64_t depth, columns;
  float* data = nullptr;

  struct Panel {
    float* data;
    int64_t stride;  // from one row to the next
    int64_t first_column, columns;
  };

  int64_t size() const;
  int64_t count() const;
  Panel panel(int64_t index) const;
  /// Copies the whole of `source`, on all threads.
  void pack_all(const MatrixView& source) const;
  /// Copies `rows` rows of `source` to rows [first, first + rows) of the panels [begin, end), zeros
  /// behind the last column. Not of one panel after the other where rows are contiguous: each row
  /// may be a page of its own.
  void pack(int64_t begin, int64_t end, const MatrixView& source, int64_t first,
            int64_t rows) const;
};

// A block of c is one thread's work: rows of a enough to pay for a panel's way into the cache, and
// blocks enough for a few threads in a layer of some hundred rows and columns.
inline constexpr int64_t kRowBlock = 64;

/// The most panels of a block, out of so many in each of `row_blocks`: fewer where threads would go without.
int64_t panels_per_block(int64_t row_blocks, int64_t panels);

inline int64_t blocks_of(int64_t count, int64_t size) {
  return (count + size - 1) / size;
}

struct Gemm {
  int64_t m, n, k;
  MatrixView a, b;
  float* c;                     // row-major, written whole
  const float* bias = nullptr;  // n values, added to each row
  bool relu = false;            // c = max(c, 0), after the bias
};

/// c = a b, then the epilogue, on all threads.
void gemm(const Gemm& product);

/// Uninitialised floats that live until the kernel returns.
Tensor workspace(int64_t floats);

/// The smallest number of items, of so many multiply-adds each, that is worth another thread.
int64_t grain_for(int64_t multiply_adds_per_item);

/// How many partial sums of `size` floats a sum over a batch is cut into: what decides is the shape
/// alone, so that the order of the sum does not depend on the number of threads.
int64_t chunk_count(int64_t batch, int64_t size);
/// Adds all partial sums to the first, in their order.
void sum_partials(int64_t chunks, int64_t size, float* partials);

/// 0, step, 2 step, ...
std::vector<int64_t> even_offsets(int64_t count, int64_t step);

}  // namespace strata::cpu
