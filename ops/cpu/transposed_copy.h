// Copying a matrix so that its columns become rows.
#pragma once

#include <cstdint>

namespace strata::cpu {

/// to[j][i] = from[i][j] for i in [0, rows) and j in [0, columns).
struct TransposedCopy {
  const float* from;
  int64_t from_stride;  // from one row to the next
  int64_t rows, columns;
  float* to;
  int64_t to_stride;
};
void copy_transposed(const TransposedCopy& copy);

}  // namespace strata::cpu
