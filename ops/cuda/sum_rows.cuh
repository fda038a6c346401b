// Sums over the rows of a matrix, in an order that depends on nothing but the extents.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/cuda/launch.cuh"

namespace strata::cuda {

inline constexpr int kSumColumns = 32;  // one warp reads one row of these: whole lines of memory
inline constexpr int kSumLanes = 16;    // rows that a block reads at a time

/// For each chunk c of `rows_per_chunk` rows and each column j: sink(c, j, sum of source(row, j)).
/// Thread (x, y) of a block adds every 16th row of column x from row y on; then one warp adds these
/// 16 sums in order. Block (x, c) takes 32 columns of chunk c.
template <class Source, class Sink>
__global__ void __launch_bounds__(kSumColumns* kSumLanes)
    sum_rows_kernel(Source source, Sink sink, int64_t rows, int64_t columns,
                    int64_t rows_per_chunk) {
  __shared__ float lane_sums[kSumLanes][kSumColumns];
  const int64_t column = int64_t{blockIdx.x} * kSumColumns + threadIdx.x;
  const int64_t first = blockIdx.y * rows_per_chunk;
  const int64_t end = min(first + rows_per_chunk, rows);
  float sum = 0;
  take_turn();
  if (column < columns) {
#pragma unroll 4
    for (int64_t row = first + threadIdx.y; row < end; row += kSumLanes) sum += source(row, column);
  }
  lane_sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int lane = 1; lane < kSumLanes; ++lane) sum += lane_sums[lane][threadIdx.x];
  sink(static_cast<int>(blockIdx.y), column, sum);
}

/// The source that is a matrix in memory.
struct MatrixRows {
  const float* data;
  int64_t columns;
  __device__ float operator()(int64_t row, int64_t column) const {
    return data[row * columns + column];
  }
};

/// At most 65,535 chunks, at least one row per chunk; no rows give one chunk of zeros.
template <class Source, class Sink>
void sum_rows(const char* name, const Source& source, const Sink& sink, int64_t rows,
              int64_t columns, int64_t rows_per_chunk) {
  if (columns == 0) return;
  const int64_t chunks = std::max<int64_t>((rows + rows_per_chunk - 1) / rows_per_chunk, 1);
  const dim3 grid(static_cast<unsigned>((columns + kSumColumns - 1) / kSumColumns),
                  static_cast<unsigned>(chunks));
  const dim3 block(kSumColumns, kSumLanes);
  launch_in_turn(name, sum_rows_kernel<Source, Sink>, {grid, block}, source, sink, rows, columns,
                 rows_per_chunk);
}

}  // namespace strata::cuda
