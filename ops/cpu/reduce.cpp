// Reductions in pieces of a fixed size, so that the order of additions depends on the shape alone:
// each piece of the reduced axis becomes one partial result, and the partial results are reduced
// the same way until one is left.
#include "ops/reduce_kernels.h"

#include <algorithm>

#include "tensor/parallel.h"
#include "tensor/pool.h"

namespace strata::cpu {
namespace {

constexpr int64_t kGrain = 16384;       // elements that are not worth another thread
constexpr int64_t kRowPiece = 4096;     // of a row: 256 additions in each of 16 lanes
constexpr int64_t kColumnPiece = 256;   // rows added up one after another
constexpr int64_t kColumnBlock = 1024;  // columns whose sums stay in the first-level cache

// Sixteen interleaved sums vectorise, and keep each chain of additions short.
float sum_of_row(const float* x, int64_t count) {
  constexpr int kLanes = 16;
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane];
  }
  for (int lane = 0; i < count; ++i, ++lane) lanes[lane] += x[i];
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

// One step from (outer, reduced, inner) to (outer, pieces, inner).
struct Pass {
  ReduceGeometry geometry;
  const float* input;
  const int32_t* input_positions;  // null: an element's position is its index
  float* output;
  int32_t* output_positions;  // null for sums

  int64_t piece() const { return geometry.inner == 1 ? kRowPiece : kColumnPiece; }
  int64_t pieces() const { return (geometry.reduced + piece() - 1) / piece(); }
};

// Rows [first, last) of a block of columns; `x` points at its first element.
void sum_columns(const Pass& pass, const float* x, int64_t rows, int64_t columns, float* sums) {
  std::copy_n(x, columns, sums);
  for (int64_t r = 1; r < rows; ++r) {
    const float* row = x + r * pass.geometry.inner;
    for (int64_t i = 0; i < columns; ++i) sums[i] += row[i];
  }
}

void max_columns(const Pass& pass, int64_t start, int64_t first, int64_t rows, int64_t columns,
                 int64_t result) {
  for (int64_t i = 0; i < columns; ++i) {
    Maximum best;
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = start + r * pass.geometry.inner + i;
      const int32_t position =
          pass.input_positions ? pass.input_positions[at] : static_cast<int32_t>(first + r);
      const Maximum candidate{pass.input[at], position};
      if (takes_over(candidate, best)) best = candidate;
    }
    pass.output[result + i] = best.value;
    pass.output_positions[result + i] = best.position;
  }
}

void run(const Pass& pass) {
  const auto [outer, reduced, inner] = pass.geometry;
  const int64_t pieces = pass.pieces(), blocks = (inner + kColumnBlock - 1) / kColumnBlock;
  const int64_t unit_size = std::min(reduced, pass.piece()) * std::min(inner, kColumnBlock);
  parallel_for(outer * pieces * blocks, std::max<int64_t>(kGrain / unit_size, 1),
               [&, reduced = reduced, inner = inner](int64_t begin, int64_t end) {
                 for (int64_t unit = begin; unit < end; ++unit) {
                   const int64_t slot = unit / blocks, column = unit % blocks * kColumnBlock;
                   const int64_t o = slot / pieces, first = slot % pieces * pass.piece();
                   const int64_t rows = std::min(pass.piece(), reduced - first);
                   const int64_t columns = std::min(kColumnBlock, inner - column);
                   const int64_t start = (o * reduced + first) * inner + column;
                   const int64_t result = slot * inner + column;
                   if (pass.output_positions)
                     max_columns(pass, start, first, rows, columns, result);
                   else if (inner == 1)
                     pass.output[result] = sum_of_row(pass.input + start, rows);
                   else
                     sum_columns(pass, pass.input + start, rows, columns, pass.output + result);
                 }
               });
}

}  // namespace

void reduce(Reduction kind, const ReduceGeometry& geometry, const Tensor& input, Tensor& output,
            Tensor& positions) {
  const MemoryScope scope(MemoryUse::workspace);
  Pass pass{geometry, input.data<float>(), nullptr, nullptr, nullptr};
  Tensor partial, partial_positions;  // keep the last pass's results alive during the next
  for (int64_t pieces; (pieces = pass.pieces()) > 1;) {
    const Tensor values = Tensor::empty({geometry.outer, pieces, geometry.inner});
    Tensor places;
    if (kind == Reduction::max) places = Tensor::empty(values.shape(), DType::int32);
    pass.output = values.data<float>();
    pass.output_positions = places.defined() ? places.data<int32_t>() : nullptr;
    run(pass);
    partial = values;
    partial_positions = places;
    pass.input = pass.output;
    pass.input_positions = pass.output_positions;
    pass.geometry.reduced = pieces;
  }
  pass.output = output.data<float>();
  pass.output_positions = kind == Reduction::max ? positions.data<int32_t>() : nullptr;
  run(pass);
  if (kind != Reduction::mean) return;
  const float count = static_cast<float>(geometry.reduced);
  for (int64_t i = 0; i < output.size(); ++i) pass.output[i] /= count;
}

void reduce_backward(Reduction kind, const ReduceGeometry& geometry, const Tensor& positions,
                     const Tensor& grad_output, Tensor& grad_input) {
  const int64_t reduced = geometry.reduced, inner = geometry.inner;
  const float divisor = kind == Reduction::mean ? static_cast<float>(reduced) : 1.0f;
  const float* g = grad_output.data<float>();
  const int32_t* places = kind == Reduction::max ? positions.data<int32_t>() : nullptr;
  float* result = grad_input.data<float>();
  const int64_t grain = std::max<int64_t>(kGrain / (reduced * inner), 1);
  parallel_for(geometry.outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const float* from = g + o * inner;
      float* to = result + o * reduced * inner;
      if (places)
        std::fill_n(to, reduced * inner, 0.0f);
      else if (inner == 1)
        std::fill_n(to, reduced, *from / divisor);
      else
        for (int64_t r = 0; r < reduced; ++r)
          for (int64_t i = 0; i < inner; ++i) to[r * inner + i] = from[i] / divisor;
      for (int64_t i = 0; places && i < inner; ++i) to[places[o * inner + i] * inner + i] = from[i];
    }
  });
}

}  // namespace strata::cpu
