// Sums over the rows of a matrix, in an order that depends on nothing but the extents.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "ops/cuda/launch.cuh"

namespace strata::cuda {

inline constexpr int kSumThreads = 512;
inline constexpr int kMostSumLanes = 16;  // of them for a column: whole warps read whole lines

/// For each chunk c of `rows_per_chunk` rows and each column j: sink(c, j, sum of source(row, j)).
/// Of a block's n lanes, lane y adds every n-th row from row y on, thread (x, y) those of column x;
/// then the first lane adds the n sums in order. Block (x, c) takes 512 / n columns of chunk c.
template <class Source, class Sink>
__global__ void __launch_bounds__(kSumThreads)
    sum_rows_kernel(Source source, Sink sink, int64_t rows, int64_t columns,
                    int64_t rows_per_chunk) {
  constexpr int kBatch = 4;  // loads under way at once
  __shared__ float lane_sums[kSumThreads];
  const int lanes = blockDim.y, columns_of_block = blockDim.x;
  const int64_t column = int64_t{blockIdx.x} * columns_of_block + threadIdx.x;
  const int64_t first = blockIdx.y * rows_per_chunk;
  const int64_t end = min(first + rows_per_chunk, rows);
  float sum = 0;
  take_turn();
  pass_turn();
  for (int64_t row = first + threadIdx.y; column < columns && row < end; row += kBatch * lanes) {
    float values[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      values[i] = row + i * lanes < end ? source(row + i * lanes, column) : 0.0f;
#pragma unroll
    for (int i = 0; i < kBatch; ++i) sum += values[i];
  }
  if (lanes > 1) {
    lane_sums[threadIdx.y * columns_of_block + threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0) return;
    for (int lane = 1; lane < lanes; ++lane)
      sum += lane_sums[lane * columns_of_block + threadIdx.x];
  }
  if (column >= columns) return;
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

/// As many lanes as find four rows each: with few rows, as where a product was cut in a few parts,
/// most lanes would have none.
inline unsigned lanes_for(int64_t rows_per_chunk) {
  const auto wanted =
      static_cast<uint64_t>(std::clamp<int64_t>(rows_per_chunk / 4, 1, kMostSumLanes));
  return static_cast<unsigned>(std::bit_floor(wanted));
}

/// At most 65,535 chunks, at least one row per chunk; no rows give one chunk of zeros.
template <class Source, class Sink>
void sum_rows(const char* name, const Source& source, const Sink& sink, int64_t rows,
              int64_t columns, int64_t rows_per_chunk) {
  if (columns == 0) return;
  const int64_t chunks = std::max<int64_t>((rows + rows_per_chunk - 1) / rows_per_chunk, 1);
  const unsigned lanes = lanes_for(std::min(rows, rows_per_chunk));
  const dim3 block(kSumThreads / lanes, lanes);
  const dim3 grid(static_cast<unsigned>((columns + block.x - 1) / block.x),
                  static_cast<unsigned>(chunks));
  launch_in_turn(name, sum_rows_kernel<Source, Sink>, {grid, block}, source, sink, rows, columns,
                 rows_per_chunk);
}

}  // namespace strata::cuda
