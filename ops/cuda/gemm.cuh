// The one matrix product behind matmul, dense and all three convolutions of the `own` rung:
//
//   C[i][j] = sum over k of A(i, k) B(k, j)          strict float32, one fused multiply-add per
//   term
//
// A and B need not lie in memory as matrices. An operand type says where its elements are, so a
// convolution multiplies image patches that are nowhere written down ("implicit GEMM"). Rows of A
// and columns of B are treated alike and called lines here: both have one element for each k.
//
// An operand is a small struct, copied into the kernel's arguments, with
//   kAlongK            whether neighbours in memory differ in k (otherwise in the line)
//   void select(z)     moves on to product z of a batch
//   Line line(i)       what can be known of line i; kept in registers, outside the loop over k
//   Step step(k)       what can be known of k; shared by all lines that a thread reads
//   float at(line, step, wanted)   0, and nothing read, unless `wanted`
//
// What this leaves out: tensor cores (they round float32 to TF32) and asynchronous copies.
#pragma once

#include "ops/cuda/gemm_plan.h"
#include "ops/cuda/launch.cuh"
#include "ops/cuda/load_if.cuh"
#include "ops/cuda/sum_rows.cuh"
#include "tensor/pool.h"
#include "tensor/tensor.h"

namespace strata::cuda {

/// Where C goes: element (i, j) of product z is data[z batch_stride + i row_stride + j
/// column_stride], after adding bias[j] (where there is a bias) and ReLU (where asked for).
struct GemmOutput {
  float* data;
  int64_t row_stride;
  int64_t column_stride = 1;
  int64_t batch_stride = 0;
  const float* bias = nullptr;
  bool relu = false;

  /// Whether 4 neighbouring columns from a multiple of 4 on are one aligned float4.
  bool takes_vectors() const {
    return column_stride == 1 && row_stride % 4 == 0 && batch_stride % 4 == 0 &&
           reinterpret_cast<uintptr_t>(data) % sizeof(float4) == 0;
  }
  __device__ float bias_of(int j, int columns) const {
    return load_if((bias != nullptr) & (j < columns), bias + j);
  }
  __device__ float finished(float value, float bias_of_column) const {
    value += bias_of_column;
    return relu && value < 0 ? 0.0f : value;  // the comparison keeps NaN, which fmaxf would hide
  }
  __device__ float* address(int64_t z, int i, int j) const {
    return data + z * batch_stride + i * row_stride + j * column_stride;
  }
};

/// The part of a GemmPlan that the kernel needs.
struct GemmLoop {
  int m, n, k;
  int tiles_m, tiles_n, splits, k_per_split;
  bool store_vectors;
};

/// Brings kLines lines of an operand, kTileK elements of each, from global to shared memory, in two
/// halves, so that the multiplications of the tile before run between them: fetch() issues the
/// loads into registers, put() writes these to shared memory.
///
/// Neighbouring threads read neighbouring addresses. Along k, 8 threads take one line: a 32-byte
/// sector, and with 4 floats of padding per row of the shared tile the 32 writes of a warp hit 32
/// different banks (4 k + line). Otherwise 32 threads take 32 lines of one k.
template <class Operand, int kLines, int kThreads>
class TileReader {
 public:
  static constexpr int kRow = kLines + 4;  // a multiple of 4: rows are read as float4
  using SharedTile = float[kTileK][kRow];

  /// Lines past the last are read as the last: their results are never stored, and no load needs a
  /// test for them.
  __device__ TileReader(const Operand& operand, int first_line, int lines) : operand_(operand) {
#pragma unroll
    for (int x = 0; x < kOwnLines; ++x)
      lines_[x] = operand_.line(min(first_line + own_line() + x * kLineStride, lines - 1));
  }

  /// Elements [k, k + kTileK) of each line; zeros from `k_end` on.
  __device__ void fetch(int k, int k_end) {
#pragma unroll
    for (int y = 0; y < kOwnSteps; ++y) {
      const int own = k + own_step() + y * kStepStride;
      const auto step = operand_.step(own);
#pragma unroll
      for (int x = 0; x < kOwnLines; ++x) values_[y][x] = operand_.at(lines_[x], step, own < k_end);
    }
  }

  __device__ void put(SharedTile& tile) const {
#pragma unroll
    for (int y = 0; y < kOwnSteps; ++y)
#pragma unroll
      for (int x = 0; x < kOwnLines; ++x)
        tile[own_step() + y * kStepStride][own_line() + x * kLineStride] = values_[y][x];
  }

 private:
  static constexpr int kLanes = Operand::kAlongK ? 8 : 32;
  static constexpr int kLineStride = Operand::kAlongK ? kThreads / kLanes : kLanes;
  static constexpr int kStepStride = Operand::kAlongK ? kLanes : kThreads / kLanes;
  static constexpr int kOwnLines = kLines / kLineStride;
  static constexpr int kOwnSteps = kTileK / kStepStride;
  static_assert(kOwnLines * kLineStride == kLines && kOwnSteps * kStepStride == kTileK);

  static __device__ int own_line() {
    return Operand::kAlongK ? outer_thread() : lane();
  }
  static __device__ int own_step() {
    return Operand::kAlongK ? lane() : outer_thread();
  }
  static __device__ int lane() {
    return static_cast<int>(threadIdx.x) % kLanes;
  }
  static __device__ int outer_thread() {
    return static_cast<int>(threadIdx.x) / kLanes;
  }

  const Operand operand_;
  typename Operand::Line lines_[kOwnLines];
  float values_[kOwnSteps][kOwnLines];
};

/// kCount floats of shared memory, four at a time.
template <int kCount>
__device__ void load_vectors(const float* shared, float (&values)[kCount]) {
  static_assert(kCount % 4 == 0);
#pragma unroll
  for (int i = 0; i < kCount; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(shared + i);
    values[i] = four.x, values[i + 1] = four.y, values[i + 2] = four.z, values[i + 3] = four.w;
  }
}

/// One thread's part of C: sums[r][c] belongs to row first_row + r and column first_column + c.
template <int kRows>
__device__ void store_part(const GemmOutput& output, const GemmLoop& loop, int64_t z, int first_row,
                           int first_column, const float (&sums)[kRows][4]) {
  float bias[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) bias[c] = output.bias_of(first_column + c, loop.n);
  const bool as_vectors = loop.store_vectors && first_column + 3 < loop.n;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int i = first_row + r;
    if (i >= loop.m) return;
    float done[4];
#pragma unroll
    for (int c = 0; c < 4; ++c) done[c] = output.finished(sums[r][c], bias[c]);
    if (as_vectors) {
      *reinterpret_cast<float4*>(output.address(z, i, first_column)) =
          make_float4(done[0], done[1], done[2], done[3]);
      continue;
    }
#pragma unroll
    for (int c = 0; c < 4; ++c)
      if (first_column + c < loop.n) *output.address(z, i, first_column + c) = done[c];
  }
}

/// One block computes one tile of C over one part of k. Two pairs of shared tiles take turns: while
/// one is multiplied, the loads for the other are under way, and one barrier per step is enough,
/// because the tile being written was last read before the barrier of the step before.
///
/// A thread's rows and columns are adjacent. Within a warp the threads of one row of parts read the
/// same float4 of A (a broadcast), and adjacent ones of B.
template <GemmTile kGemmTile, class A, class B>
__global__ void __launch_bounds__(size_of(kGemmTile).threads())
    gemm_kernel(A a, B b, GemmOutput output, GemmLoop loop) {
  constexpr TileSize kTile = size_of(kGemmTile);
  using ReaderA = TileReader<A, kTile.m, kTile.threads()>;
  using ReaderB = TileReader<B, kTile.n, kTile.threads()>;
  alignas(16) __shared__ typename ReaderA::SharedTile shared_a[2];
  alignas(16) __shared__ typename ReaderB::SharedTile shared_b[2];

  const unsigned tile_n = blockIdx.x % loop.tiles_n, rest = blockIdx.x / loop.tiles_n;
  const unsigned tile_m = rest % loop.tiles_m;
  const unsigned z = rest / loop.tiles_m;  // product and part of k
  const int k_begin = static_cast<int>(z % loop.splits) * loop.k_per_split;
  const int k_end = min(k_begin + loop.k_per_split, loop.k);
  a.select(z / loop.splits);
  b.select(z / loop.splits);
  const int first_row = static_cast<int>(tile_m) * kTile.m;
  const int first_column = static_cast<int>(tile_n) * kTile.n;
  ReaderA reader_a(a, first_row, loop.m);
  ReaderB reader_b(b, first_column, loop.n);

  constexpr int kPartsPerRow = kTile.n / kTile.thread_n;
  const int row = static_cast<int>(threadIdx.x) / kPartsPerRow * kTile.thread_m;
  const int column = static_cast<int>(threadIdx.x) % kPartsPerRow * kTile.thread_n;
  float sums[kTile.thread_m][kTile.thread_n] = {};

  take_turn();
  reader_a.fetch(k_begin, k_end);
  reader_b.fetch(k_begin, k_end);
  reader_a.put(shared_a[0]);
  reader_b.put(shared_b[0]);
  __syncthreads();
  int current = 0;
  for (int k = k_begin; k < k_end; k += kTileK, current ^= 1) {
    const bool more = k + kTileK < k_end;
    if (more) {
      reader_a.fetch(k + kTileK, k_end);
      reader_b.fetch(k + kTileK, k_end);
    }
#pragma unroll
    for (int step = 0; step < kTileK; ++step) {
      float of_a[kTile.thread_m], of_b[kTile.thread_n];
      load_vectors(&shared_a[current][step][row], of_a);
      load_vectors(&shared_b[current][step][column], of_b);
#pragma unroll
      for (int r = 0; r < kTile.thread_m; ++r)
#pragma unroll
        for (int c = 0; c < kTile.thread_n; ++c) sums[r][c] = fmaf(of_a[r], of_b[c], sums[r][c]);
    }
    if (more) {
      reader_a.put(shared_a[current ^ 1]);
      reader_b.put(shared_b[current ^ 1]);
    }
    __syncthreads();
  }
  pass_turn();
  store_part(output, loop, z, first_row + row, first_column + column, sums);
}

template <class A, class B>
void launch_gemm(const char* name, const GemmExtents& extents, const GemmPlan& plan, const A& a,
                 const B& b, const GemmOutput& output) {
  const GemmLoop loop{static_cast<int>(extents.m),
                      static_cast<int>(extents.n),
                      static_cast<int>(extents.k),
                      plan.tiles_m,
                      plan.tiles_n,
                      plan.splits,
                      plan.k_per_split,
                      output.takes_vectors()};
  const auto blocks = static_cast<unsigned>(plan.blocks);
  const auto threads = static_cast<unsigned>(size_of(plan.tile).threads());
  const LaunchShape shape{blocks, threads};
  switch (plan.tile) {
    case GemmTile::tall:
      return launch_in_turn(name, gemm_kernel<GemmTile::tall, A, B>, shape, a, b, output, loop);
    case GemmTile::square:
      return launch_in_turn(name, gemm_kernel<GemmTile::square, A, B>, shape, a, b, output, loop);
    case GemmTile::small:
      return launch_in_turn(name, gemm_kernel<GemmTile::small, A, B>, shape, a, b, output, loop);
  }
}

/// Writes element (i, j) of product `z` from the column i n + j.
struct StoreSum {
  GemmOutput output;
  int n;
  __device__ void operator()(int z, int64_t column, float sum) const {
    const int element = static_cast<int>(column), i = element / n, j = element - i * n;
    *output.address(z, i, j) = output.finished(sum, output.bias_of(j, n));
  }
};

/// Queues C = A B. The same bits each time: splits of k are added up in order by a second kernel.
template <class A, class B>
void run_gemm(const char* name, const GemmExtents& extents, const A& a, const B& b,
              const GemmOutput& output) {
  const auto& [m, n, k, batch] = extents;
  if (m == 0 || n == 0 || batch == 0) return;
  const GemmPlan plan = plan_gemm(name, extents, device_info().multiprocessors);
  if (plan.splits == 1) return launch_gemm(name, extents, plan, a, b, output);
  const MemoryScope scope(MemoryUse::workspace);
  const Tensor partial = Tensor::empty({batch * plan.splits, m, n}, DType::float32, Device::gpu);
  float* sums = partial.data<float>();
  launch_gemm(name, extents, plan, a, b,
              GemmOutput{.data = sums, .row_stride = n, .batch_stride = m * n});
  sum_rows(name, MatrixRows{sums, m * n}, StoreSum{output, static_cast<int>(n)},
           batch * plan.splits, m * n, plan.splits);
}

}  // namespace strata::cuda
