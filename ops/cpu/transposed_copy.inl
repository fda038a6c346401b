// Blocks of 8 x 8 are transposed in registers, so that whole cache lines are read and written.
constexpr int kBlock = 8;

// Three perfect shuffles of eight rows: each brings the rows' halves together, number by number.
inline void copy_block(const TransposedCopy& copy, int64_t i, int64_t j) {
  Vector<float, kBlock> rows[kBlock], mixed[kBlock];
#pragma GCC unroll 8
  for (int r = 0; r < kBlock; ++r)
    rows[r] = load<kBlock>(copy.from + (i + r) * copy.from_stride + j);
#pragma GCC unroll 3
  for (int round = 0; round < 3; ++round) {
#pragma GCC unroll 4
    for (int r = 0; r < kBlock / 2; ++r) {
      mixed[2 * r] = __builtin_shufflevector(rows[r], rows[r + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      mixed[2 * r + 1] = __builtin_shufflevector(rows[r], rows[r + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kBlock; ++r) rows[r] = mixed[r];
  }
#pragma GCC unroll 8
  for (int r = 0; r < kBlock; ++r) store(copy.to + (j + r) * copy.to_stride + i, rows[r]);
}

void copy_transposed(const TransposedCopy& copy) {
  const int64_t whole_rows = copy.rows / kBlock * kBlock;
  const int64_t whole_columns = copy.columns / kBlock * kBlock;
  // Down the rows first: what is written is contiguous, and stays near for the next eight columns.
  for (int64_t j = 0; j < whole_columns; j += kBlock)
    for (int64_t i = 0; i < whole_rows; i += kBlock) copy_block(copy, i, j);
  for (int64_t i = 0; i < copy.rows; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < copy.columns; ++j)
      copy.to[j * copy.to_stride + i] = copy.from[i * copy.from_stride + j];
}
