#include "ops/cpu/pair_product.h"

#include <cstring>

#include "ops/cpu/instructions.h"
#include "ops/cpu/target.h"

#ifdef __x86_64__
#include <immintrin.h>

STRATA_BEGIN_TARGET("avx512f,avx512bf16")
namespace strata::cpu {
namespace {

constexpr int64_t kMostRows = 8;

// kRows rows of kWide vectors of sums.
template <int kRows, int kWide>
void compute_tile(const PairProduct& product, int64_t first_row) {
  const BFloat16* rows[kRows];
  __m512 sums[kRows][kWide];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    rows[i] = product.a + product.row_offsets[first_row + i];
#pragma GCC unroll 2
    for (int v = 0; v < kWide; ++v) sums[i][v] = _mm512_setzero_ps();
  }
  const BFloat16Pair* b = product.b;
  for (const int64_t offset : product.depth_offsets) {
    __m512bh factors[kWide];
#pragma GCC unroll 2
    for (int v = 0; v < kWide; ++v)
      factors[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + v * kPairUnit));
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      int32_t pair;
      std::memcpy(&pair, rows[i] + offset, sizeof pair);
      const auto both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
#pragma GCC unroll 2
      for (int v = 0; v < kWide; ++v) sums[i][v] = _mm512_dpbf16_ps(sums[i][v], both, factors[v]);
    }
    b += product.b_stride;
  }
  const auto tail = static_cast<int>(product.columns - (kWide - 1) * kPairUnit);
  const auto mask = static_cast<__mmask16>((1u << tail) - 1);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    float* c = product.c + (first_row + i) * product.c_stride;
    if constexpr (kWide == 2) _mm512_storeu_ps(c, sums[i][0]);
    _mm512_mask_storeu_ps(c + (kWide - 1) * kPairUnit, mask, sums[i][kWide - 1]);
  }
}

// Tiles that differ by one row at most.
template <int kWide>
void compute_rows(const PairProduct& product) {
  const auto rows = static_cast<int64_t>(product.row_offsets.size());
  const int64_t tiles = (rows + kMostRows - 1) / kMostRows;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t first = rows * tile / tiles;
    switch (rows * (tile + 1) / tiles - first) {
#define STRATA_TILE(n)                      \
  case n:                                   \
    compute_tile<n, kWide>(product, first); \
    break;
      STRATA_TILE(1)
      STRATA_TILE(2)
      STRATA_TILE(3)
      STRATA_TILE(4)
      STRATA_TILE(5)
      STRATA_TILE(6)
      STRATA_TILE(7)
      STRATA_TILE(8)
#undef STRATA_TILE
    }
  }
}

}  // namespace

void pair_product(const PairProduct& product) {
  if (product.columns > kPairUnit)
    compute_rows<2>(product);
  else
    compute_rows<1>(product);
}

}  // namespace strata::cpu
STRATA_END_TARGET
#else
namespace strata::cpu {
void pair_product(const PairProduct&) {}
}  // namespace strata::cpu
#endif

namespace strata::cpu {

bool has_pair_products() {
  return instructions() == Instructions::avx512_bf16;
}

}  // namespace strata::cpu
