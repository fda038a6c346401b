#include "ops/cpu/gemm.h"

#include <algorithm>
#include <span>

#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/instructions.h"
#include "ops/cpu/scratch.h"
#include "ops/cpu/transposed_copy.h"
#include "tensor/parallel.h"

namespace strata::cpu {
namespace {

// Panels that meet the same rows of a, one after the other.
constexpr int64_t kPanelsTogether = 4;
// Of b so much is packed at a time that it stays in the last cache until its last use.
constexpr int64_t kSlabFloats = 1 << 21;

bool is_transposed(const MatrixView& matrix) {
  return matrix.column != 1;
}

/// Where a can be read well: block after block of kRowBlock rows, and in it element (i, l) at
/// i row + l depth.
struct Rows {
  const float* data;
  int64_t block, row, depth;

  const float* of_block(int64_t row_block) const { return data + row_block * block; }
};

// Columns of a matrix that is transposed in place would be a cache line each, and rows whose
// distance is a multiple of a page all fall into few sets of the cache: both are copied.
bool reads_well(const MatrixView& a) {
  constexpr int64_t kPage = 4096 / sizeof(float);
  return !is_transposed(a) && a.row % kPage != 0;
}

void copy_row_block(const Gemm& product, int64_t row_block, const Rows& to, float* data) {
  const int64_t first = row_block * kRowBlock, rows = std::min(kRowBlock, product.m - first);
  if (is_transposed(product.a)) {
    for (int64_t l = 0; l < product.k; ++l)
      std::copy_n(product.a.data + first + l * product.a.column, rows, data + l * to.depth);
  } else {
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(product.a.data + (first + i) * product.a.row, product.k, data + i * to.row);
  }
}

int64_t row_blocks_of(const Gemm& product) {
  return blocks_of(product.m, kRowBlock);
}

/// `memory` keeps a copy, if there is one.
Rows arrange_rows(const Gemm& product, Tensor& memory) {
  if (reads_well(product.a)) return {product.a.data, kRowBlock * product.a.row, product.a.row, 1};
  constexpr int64_t kGap = 16;  // a cache line, against the distance of a page
  const Rows rows = is_transposed(product.a)
                        ? Rows{nullptr, kRowBlock * product.k, 1, kRowBlock}
                        : Rows{nullptr, kRowBlock * (product.k + kGap), product.k + kGap, 1};
  memory = workspace(row_blocks_of(product) * rows.block);
  float* const data = memory.data<float>();
  parallel_for(row_blocks_of(product), grain_for(rows.block), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      copy_row_block(product, block, rows, data + block * rows.block);
  });
  return {data, rows.block, rows.row, rows.depth};
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

/// What the blocks of c have in common.
struct Factors {
  Rows a;
  std::vector<int64_t> row_offsets, depth_offsets;
  PackedPanels b;        // a slab of b, of all the depth
  int64_t first_column;  // where the slab begins
};

void compute_block(const Gemm& product, const Factors& factors, int64_t row_block,
                   int64_t first_panel, int64_t last_panel) {
  const int64_t first = row_block * kRowBlock;
  const int64_t rows = std::min(kRowBlock, product.m - first);
  for (int64_t index = first_panel; index < last_panel; ++index) {
    PackedPanels::Panel panel = factors.b.panel(index);
    panel.first_column += factors.first_column;
    gather_gemm({.a = factors.a.of_block(row_block),
                 .row_offsets = std::span(factors.row_offsets).first(static_cast<size_t>(rows)),
                 .depth_offsets = factors.depth_offsets,
                 .b = panel.data,
                 .b_stride = panel.stride,
                 .c = product.c + first * product.n + panel.first_column,
                 .c_stride = product.n,
                 .columns = panel.columns,
                 .accumulate = false});
    finish_rows(product, first, rows, panel);
  }
}

void compute_slab(const Gemm& product, const Factors& factors) {
  const PackedPanels& b = factors.b;
  MatrixView source = product.b;
  source.data += factors.first_column * source.column;
  b.pack_all(source);
  const int64_t row_blocks = row_blocks_of(product);
  const int64_t panels = panels_per_block(row_blocks, b.count());
  const int64_t panel_blocks = blocks_of(b.count(), panels);
  const int64_t work = std::min(product.m, kRowBlock) * product.k * (b.columns / panel_blocks);
  // A thread mostly computes with panels that it has packed, which are in its cache, unless they
  // are so long, or rows so many, that it is rather rows that have to stay there.
  constexpr int64_t kLongPanels = 1 << 17, kManyRows = 1 << 20;
  const bool panel_by_panel =
      panels * panel_width() * product.k <= kLongPanels && product.m * product.k < kManyRows;
  parallel_for(row_blocks * panel_blocks, grain_for(work), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t row_block = panel_by_panel ? block % row_blocks : block / panel_blocks;
      const int64_t panel_block = panel_by_panel ? block / row_blocks : block % panel_blocks;
      // Even shares: 25 panels make seven blocks of three or four, not six of four and one of one.
      compute_block(product, factors, row_block, b.count() * panel_block / panel_blocks,
                    b.count() * (panel_block + 1) / panel_blocks);
    }
  });
}

}  // namespace

// Panels whose distance is a multiple of a page would fall into the same few sets of the cache
// while rows of all of them are written in turns.
constexpr int64_t kPanelGap = 48;

int64_t PackedPanels::size() const {
  return depth * round_up_to_unit(columns) + count() * kPanelGap;
}

int64_t PackedPanels::count() const {
  return blocks_of(columns, panel_width());
}

// All panels but the last are full, so that each begins where its first column says.
PackedPanels::Panel PackedPanels::panel(int64_t index) const {
  const int64_t first = index * panel_width();
  const int64_t width = std::min(panel_width(), columns - first);
  return {data + depth * first + index * kPanelGap, round_up_to_unit(width), first, width};
}

void PackedPanels::pack(int64_t begin, int64_t end, const MatrixView& source, int64_t first,
                        int64_t rows) const {
  constexpr int64_t kRowsAhead = 16;  // a processor fetches none in another page by itself
  if (source.column == 1) {
    for (int64_t l = 0; l < rows; ++l)
      for (int64_t index = begin; index < end; ++index) {
        const Panel target = panel(index);
        const float* const from = source.data + l * source.row + target.first_column;
        const int64_t ahead = std::min(kRowsAhead, rows - 1 - l) * source.row;
        for (int64_t c = 0; c < target.columns; c += 16) __builtin_prefetch(from + ahead + c);
        std::copy_n(from, target.columns, target.data + (first + l) * target.stride);
      }
  } else {
    for (int64_t index = begin; index < end; ++index) {
      const Panel target = panel(index);
      copy_transposed({.from = source.data + target.first_column * source.column,
                       .from_stride = source.column,
                       .rows = target.columns,
                       .columns = rows,
                       .to = target.data + first * target.stride,
                       .to_stride = target.stride});
    }
  }
  const Panel last = panel(end - 1);
  if (last.columns == last.stride) return;
  for (int64_t l = first; l < first + rows; ++l)
    std::fill(last.data + l * last.stride + last.columns, last.data + (l + 1) * last.stride, 0.0f);
}

void PackedPanels::pack_all(const MatrixView& source) const {
  constexpr int64_t kCopyCost = 8;  // of a number, in multiply-adds
  // Where rows are contiguous they are read in long pieces.
  const int64_t together = source.column == 1 ? kPanelsTogether : 1;
  const int64_t groups = blocks_of(count(), together);
  const int64_t work = kCopyCost * depth * std::min(columns, together * panel_width());
  parallel_for(groups, grain_for(work), [&](int64_t begin, int64_t end) {
    pack(begin * together, std::min(end * together, count()), source, 0, depth);
  });
}

void gemm(const Gemm& product) {
  if (product.m == 0 || product.n == 0) return;
  note_instructions();
  Tensor rows_memory;
  Factors factors{.a = arrange_rows(product, rows_memory),
                  .row_offsets = {},
                  .depth_offsets = {},
                  .b = {},
                  .first_column = 0};
  factors.row_offsets = even_offsets(std::min(kRowBlock, product.m), factors.a.row);
  factors.depth_offsets = even_offsets(product.k, factors.a.depth);

  const int64_t unit = kPanelsTogether * panel_width();
  const int64_t fitting = kSlabFloats / std::max<int64_t>(product.k, 1) / unit * unit;
  const int64_t slab = std::min(product.n, std::max(fitting, unit));
  const Tensor memory = workspace(PackedPanels{product.k, slab}.size());
  for (int64_t first = 0; first < product.n; first += slab) {
    factors.b = {product.k, std::min(slab, product.n - first), memory.data<float>()};
    factors.first_column = first;
    compute_slab(product, factors);
  }
}

int64_t panels_per_block(int64_t row_blocks, int64_t panels) {
  const bool enough = row_blocks * blocks_of(panels, kPanelsTogether) >= 2 * thread_count();
  return enough ? kPanelsTogether : 1;
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
  constexpr int64_t kMostChunks = 32, kFewChunks = 8, kImages = 4, kMostFloats = 1 << 24;
  const int64_t fitting = kMostFloats / std::max<int64_t>(size, 1);
  const int64_t wanted = std::max(batch / kImages, std::min(batch, kFewChunks));
  return std::max<int64_t>(1, std::min({wanted, kMostChunks, fitting}));
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
