#include "ops/cpu/gemm.h"

#include <algorithm>
#include <array>
#include <span>

#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/scratch.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

// A block of c is one thread's work: rows of a enough to pay for a panel's way into the cache, and
// blocks enough for a few threads in a layer of some hundred rows and columns.
constexpr int64_t kRowBlock = 64;
constexpr int64_t kPanelBlock = 4;

bool is_transposed(const MatrixView& matrix) {
  return matrix.column != 1;
}

// Rows of a transposed matrix, close together: in place every step along the depth would be another
// cache line, and all of them may fall into few sets of the cache.
const float* copy_rows(const MatrixView& a, int64_t first, int64_t rows, int64_t depth) {
  float* copy = thread_scratch(Scratch::rows, kRowBlock * depth);
  for (int64_t l = 0; l < depth; ++l) {
    const float* from = a.data + first + l * a.column;
    std::copy(from, from + rows, copy + l * kRowBlock);
  }
  return copy;
}

void finish_rows(const Gemm& product, int64_t first_row, int64_t rows,
                 const PackedPanels::Panel& panel) {
  if (!product.bias && !product.relu) return;
  for (int64_t i = 0; i < rows; ++i) {
    float* c = product.c + (first_row + i) * product.n + panel.first_column;
    if (product.bias) {
      const float* bias = product.bias + panel.first_column;
      for (int64_t j = 0; j < panel.columns; ++j) c[j] += bias[j];
    }
    if (product.relu) {
      for (int64_t j = 0; j < panel.columns; ++j) c[j] = c[j] < 0 ? 0.0f : c[j];
    }
  }
}

void compute_block(const Gemm& product, const PackedPanels& b, int64_t row_block,
                   int64_t panel_block, std::span<const int64_t> depth_offsets) {
  const int64_t first = row_block * kRowBlock;
  const int64_t rows = std::min(kRowBlock, product.m - first);
  const float* a = is_transposed(product.a) ? copy_rows(product.a, first, rows, product.k)
                                            : product.a.data + first * product.a.row;
  std::array<int64_t, kRowBlock> row_offsets;
  for (int64_t i = 0; i < rows; ++i) row_offsets[i] = i * product.a.row;
  const int64_t last_panel = std::min((panel_block + 1) * kPanelBlock, b.count());
  for (int64_t index = panel_block * kPanelBlock; index < last_panel; ++index) {
    const PackedPanels::Panel panel = b.panel(index);
    gather_gemm({.a = a,
                 .row_offsets = {row_offsets.data(), static_cast<size_t>(rows)},
                 .depth_offsets = depth_offsets,
                 .b = panel.data,
                 .b_stride = panel.stride,
                 .c = product.c + first * product.n + panel.first_column,
                 .c_stride = product.n,
                 .columns = panel.columns,
                 .accumulate = false});
    finish_rows(product, first, rows, panel);
  }
}

}  // namespace

int64_t PackedPanels::size() const {
  return depth * round_up_to_unit(columns);
}

int64_t PackedPanels::count() const {
  return (columns + panel_width() - 1) / panel_width();
}

// All panels but the last are full, so that each begins where depth x its first column says.
PackedPanels::Panel PackedPanels::panel(int64_t index) const {
  const int64_t first = index * panel_width();
  const int64_t width = std::min(panel_width(), columns - first);
  return {data + depth * first, round_up_to_unit(width), first, width};
}

void PackedPanels::pack(int64_t index, const MatrixView& source, int64_t first,
                        int64_t rows) const {
  const Panel target = panel(index);
  const float* from = source.data + target.first_column * source.column;
  for (int64_t l = 0; l < rows; ++l) {
    float* to = target.data + (first + l) * target.stride;
    const float* row = from + l * source.row;
    if (source.column == 1)
      std::copy(row, row + target.columns, to);
    else
      for (int64_t j = 0; j < target.columns; ++j) to[j] = row[j * source.column];
    std::fill(to + target.columns, to + target.stride, 0.0f);
  }
}

void gemm(const Gemm& product) {
  if (product.m == 0 || product.n == 0) return;
  note_instructions();
  const Tensor memory = workspace(PackedPanels{product.k, product.n}.size());
  const PackedPanels b{product.k, product.n, memory.data<float>()};
  parallel_for(b.count(), grain_for(product.k * panel_width()), [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) b.pack(index, product.b, 0, product.k);
  });
  const std::vector<int64_t> depth_offsets =
      even_offsets(product.k, is_transposed(product.a) ? kRowBlock : 1);
  const int64_t row_blocks = (product.m + kRowBlock - 1) / kRowBlock;
  const int64_t panel_blocks = (b.count() + kPanelBlock - 1) / kPanelBlock;
  const int64_t work =
      std::min(product.m, kRowBlock) * product.k * std::min(product.n, kPanelBlock * panel_width());
  parallel_for(row_blocks * panel_blocks, grain_for(work), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      compute_block(product, b, block / panel_blocks, block % panel_blocks, depth_offsets);
  });
}

Tensor workspace(int64_t floats) {
  const MemoryScope scope(MemoryUse::workspace);
  return Tensor::empty({floats});
}

int64_t grain_for(int64_t multiply_adds_per_item) {
  constexpr int64_t kWorthAThread = 1 << 19;  // some 10 us, several times a thread's waking up
  return 1 + kWorthAThread / std::max<int64_t>(multiply_adds_per_item, 1);
}

int64_t chunk_count(int64_t batch, int64_t size) {
  constexpr int64_t kMostChunks = 32, kImages = 4, kMostFloats = 1 << 22;
  const int64_t fitting = kMostFloats / std::max<int64_t>(size, 1);
  return std::max<int64_t>(1, std::min({batch / kImages, kMostChunks, fitting}));
}

void sum_partials(int64_t chunks, int64_t size, float* partials) {
  parallel_for(size, grain_for(chunks), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t i = begin; i < end; ++i) partials[i] += partials[chunk * size + i];
  });
}

std::vector<int64_t> even_offsets(int64_t count, int64_t step) {
  std::vector<int64_t> offsets(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) offsets[static_cast<size_t>(i)] = i * step;
  return offsets;
}

}  // namespace strata::cpu
