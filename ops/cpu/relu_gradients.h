// What a layer's backward pass begins with: the gradients that ReLU lets pass, and their sums.
#pragma once

#include <cstdint>

namespace strata::cpu {

/// For some columns of matrices [row][column]: open = gradients where output > 0, otherwise 0, and
/// sums[column] = the sum of `open` over the rows, in their order.
struct ReluGradients {
  int64_t rows, stride;               // from one row to the next
  int64_t first_column, last_column;  // [first, last)
  const float* output;                // null: no ReLU, and `open` is not written
  const float* gradients;
  float* open;
  float* sums;  // null: not wanted
};
void relu_gradients(const ReluGradients& work);

}  // namespace strata::cpu
