#include "ops/cpu/gemm_bf16.h"

#include <algorithm>
#include <span>
#include <vector>

#include "ops/cpu/gemm.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/pair_product.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/transposed_copy.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

/// `count` numbers from `index` on as bfloat16: those stored, or rounded in this thread's memory.
const BFloat16* as_bf16(const void* stored, DType dtype, int64_t index, int64_t count,
                        Scratch slot) {
  if (dtype == DType::bfloat16) return static_cast<const BFloat16*>(stored) + index;
  BFloat16* const rounded = thread_scratch<BFloat16>(slot, count);
  narrow({static_cast<const float*>(stored) + index, count, rounded});
  return rounded;
}

void copy_pairs_transposed(const BFloat16Pair* from, int64_t from_stride, int64_t rows,
                           int64_t columns, BFloat16Pair* to, int64_t to_stride) {
  copy_transposed({.from = reinterpret_cast<const float*>(from),
                   .from_stride = from_stride,
                   .rows = rows,
                   .columns = columns,
                   .to = reinterpret_cast<float*>(to),
                   .to_stride = to_stride});
}

/// Rows 2 l and 2 l + 1 of a matrix whose rows are contiguous, as pairs.
void pair_depth(const StoredMatrix& matrix, int64_t l, int64_t depth, int64_t first, int64_t count,
                BFloat16Pair* to) {
  const int64_t index = 2 * l * matrix.row + first;
  const BFloat16* upper = as_bf16(matrix.data, matrix.dtype, index, count, Scratch::rows);
  const BFloat16* lower = 2 * l + 1 < depth ? as_bf16(matrix.data, matrix.dtype, index + matrix.row,
                                                      count, Scratch::panels)
                                            : nullptr;
  pair_rows({upper, lower, count, to});
}

/// A matrix with its depth along contiguous rows: [index][pair].
PairMemory pairs_by_row(const StoredMatrix& matrix, int64_t rows, int64_t depth) {
  const int64_t pairs = pairs_in(depth);
  PairMemory result(rows * pairs);
  if (matrix.column == 1) {
    parallel_for(rows, grain_for(depth), [&](int64_t begin, int64_t end) {
      const size_t offset = static_cast<size_t>(begin * matrix.row) * size_of(matrix.dtype);
      pair_up({end - begin, depth, static_cast<const std::byte*>(matrix.data) + offset,
               matrix.dtype, matrix.row},
              result.data() + begin * pairs);
    });
    return result;
  }
  constexpr int64_t kTogether = 8;  // a block of copy_transposed
  const StoredMatrix by_depth{matrix.data, matrix.dtype, matrix.column, 1};
  parallel_for(
      (pairs + kTogether - 1) / kTogether, grain_for(rows * kTogether),
      [&](int64_t begin, int64_t end) {
        BFloat16Pair* const rows_of_pairs =
            thread_scratch<BFloat16Pair>(Scratch::frame, rows * kTogether);
        for (int64_t block = begin; block < end; ++block) {
          const int64_t first = block * kTogether, here = std::min(kTogether, pairs - first);
          for (int64_t l = 0; l < here; ++l)
            pair_depth(by_depth, first + l, depth, 0, rows, rows_of_pairs + l * rows);
          copy_pairs_transposed(rows_of_pairs, rows, here, rows, result.data() + first, pairs);
        }
      });
  return result;
}

/// The right factor in panels of kPairPanelWidth columns: [panel][pair of the depth][column].
PairMemory packed_panels(const StoredMatrix& b, int64_t depth, int64_t columns) {
  const int64_t pairs = pairs_in(depth);
  const int64_t panels = blocks_of(columns, kPairPanelWidth);
  PairMemory result(panels_size(columns, pairs));
  const auto width_of = [&](int64_t panel) {
    return std::min(kPairPanelWidth, columns - panel * kPairPanelWidth);
  };
  if (b.column == 1) {
    parallel_for(pairs, grain_for(columns), [&](int64_t begin, int64_t end) {
      for (int64_t l = begin; l < end; ++l)
        for (int64_t panel = 0; panel < panels; ++panel)
          pair_depth(b, l, depth, panel * kPairPanelWidth, width_of(panel),
                     result.data() + (panel * pairs + l) * kPairPanelWidth);
    });
    return result;
  }
  const PairMemory by_column = pairs_by_row({b.data, b.dtype, b.column, 1}, columns, depth);
  pack_panels(by_column.data(), columns, pairs, result.data());
  return result;
}

void finish_row(const GemmBf16& product, int64_t row, int64_t first, int64_t columns, float* sums) {
  for (int64_t j = 0; j < columns; ++j) {
    if (product.bias) sums[j] += product.bias[first + j];
    if (product.relu) sums[j] = sums[j] < 0 ? 0.0f : sums[j];
  }
  const int64_t to = row * product.n + first;
  if (product.c.dtype() == DType::bfloat16)
    narrow({sums, columns, product.c.data<BFloat16>() + to});
  else
    std::copy_n(sums, columns, product.c.data<float>() + to);
}

}  // namespace

void pair_up(const StoredRows& from, BFloat16Pair* to) {
  const int64_t pairs = pairs_in(from.columns);
  for (int64_t i = 0; i < from.rows; ++i) {
    auto* const numbers = reinterpret_cast<BFloat16*>(to + i * pairs);
    if (from.dtype == DType::bfloat16)
      std::copy_n(static_cast<const BFloat16*>(from.data) + i * from.stride, from.columns, numbers);
    else
      narrow({static_cast<const float*>(from.data) + i * from.stride, from.columns, numbers});
    if (from.columns % 2 != 0) numbers[from.columns] = {0};
  }
}

void pack_panels(const BFloat16Pair* by_column, int64_t columns, int64_t pairs, BFloat16Pair* to) {
  const int64_t panels = blocks_of(columns, kPairPanelWidth);
  parallel_for(panels, grain_for(pairs * kPairPanelWidth), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t first = panel * kPairPanelWidth;
      copy_pairs_transposed(by_column + first * pairs, pairs,
                            std::min(kPairPanelWidth, columns - first), pairs, to + first * pairs,
                            kPairPanelWidth);
    }
  });
}

void gemm_bf16(const GemmBf16& product) {
  if (product.m == 0 || product.n == 0) return;
  note_instructions();
  const int64_t pairs = pairs_in(product.k);
  const PairMemory a = pairs_by_row(product.a, product.m, product.k);
  const PairMemory b = packed_panels(product.b, product.k, product.n);
  const std::vector<int64_t> row_offsets = even_offsets(std::min(kRowBlock, product.m), 2 * pairs);
  const std::vector<int64_t> depth_offsets = even_offsets(pairs, 2);
  const int64_t panels = blocks_of(product.n, kPairPanelWidth);
  const int64_t row_blocks = blocks_of(product.m, kRowBlock);
  const int64_t together = panels_per_block(row_blocks, panels);
  const int64_t panel_blocks = blocks_of(panels, together);

  const auto compute_panel = [&](int64_t row_block, int64_t panel) {
    const int64_t first_row = row_block * kRowBlock, first = panel * kPairPanelWidth;
    const int64_t rows = std::min(kRowBlock, product.m - first_row);
    const int64_t columns = std::min(kPairPanelWidth, product.n - first);
    float* const sums = thread_scratch(Scratch::band, kRowBlock * kPairPanelWidth);
    pair_product({.a = reinterpret_cast<const BFloat16*>(a.data() + first_row * pairs),
                  .row_offsets = std::span(row_offsets).first(static_cast<size_t>(rows)),
                  .depth_offsets = depth_offsets,
                  .b = b.data() + panel * pairs * kPairPanelWidth,
                  .b_stride = kPairPanelWidth,
                  .c = sums,
                  .c_stride = kPairPanelWidth,
                  .columns = columns});
    for (int64_t i = 0; i < rows; ++i)
      finish_row(product, first_row + i, first, columns, sums + i * kPairPanelWidth);
  };
  const int64_t work =
      std::min(product.m, kRowBlock) * pairs * std::min(product.n, together * kPairPanelWidth);
  parallel_for(row_blocks * panel_blocks, grain_for(work), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block % panel_blocks * together;
      for (int64_t panel = first; panel < std::min(first + together, panels); ++panel)
        compute_panel(block / panel_blocks, panel);
    }
  });
}

}  // namespace strata::cpu
