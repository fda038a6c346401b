// A matrix product through cuBLASLt, in the row-major terms of ops/matmul.h.
#pragma once

#include <cstdint>

#include "ops/settings.h"

namespace strata::cublas {

/// What is done to a product on its way to memory.
enum class Epilogue {
  none,
  relu,       // c = max(c, 0)
  bias,       // c[i][j] += vector[j]
  bias_relu,  // both, in that order
  row_sums,   // vector[i] = sum over k of op(a)[i][k], besides the product
};

/// c = op(a) op(b): op(a) is m x k, op(b) is k x n, c is m x n; `batch` of each, one after another.
struct Product {
  int64_t batch = 1, m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  Epilogue epilogue = Epilogue::none;
  Precision precision = settings().precision;  // the run's, unless asked otherwise

  auto operator<=>(const Product&) const = default;
};

/// The addresses of float32 operands on the GPU; `vector` is the epilogue's.
struct Operands {
  const float* a;
  const float* b;
  float* c;
  float* vector = nullptr;
};

/// Queues the product on the context's stream. Writes nothing when c is empty, zeros when k is 0.
/// Deterministic: the algorithm is chosen once per product and alignment (ops/tuning.h, by default
/// the heuristics' first), and partial sums are added in a fixed order. Throws `device` when
/// cuBLASLt has no algorithm.
void multiply(const Product& product, const Operands& operands);

/// The same, but false when cuBLASLt has no algorithm for it, as for some epilogues.
bool try_multiply(const Product& product, const Operands& operands);

}  // namespace strata::cublas
