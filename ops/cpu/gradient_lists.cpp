#include "ops/cpu/gradient_lists.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "ops/cpu/instructions.h"
#include "ops/cpu/target.h"

#ifdef __x86_64__
// GCC 12 takes the undefined lanes in its own header for a mistake of ours.
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace strata::cpu {
namespace {

static_assert(std::endian::native == std::endian::little && sizeof(TileEntry) == 8);

// Everywhere: an entry is always written, and the list's end moves on if it is to stay. A branch
// would be guessed wrong half of the time.
namespace one_by_one {

int32_t is_kept(float gradient) {
  return (std::bit_cast<uint32_t>(gradient) << 1) != 0;
}

/// As one number: two stores would take twice as long.
void write_entry(TileEntry* entry, int32_t offset, float scale) {
  const uint64_t both =
      static_cast<uint32_t>(offset) | static_cast<uint64_t>(std::bit_cast<uint32_t>(scale)) << 32;
  std::memcpy(static_cast<void*>(entry), &both, sizeof both);
}

void sort_by_filter(const ListsByFilter& work) {
  const int64_t stride = work.windows.filters, capacity = list_capacity(work.windows.count);
  const float* gradients = work.windows.gradients + work.first;
  const uint8_t* winners = work.windows.winners + work.first;
  const int32_t* corners = work.corners;
  TileEntry* ends[ListsByFilter::kMost];
  for (int64_t k = 0; k < work.filters; ++k) ends[k] = work.lists + k * capacity;
  for (int64_t i = 0; i < work.windows.count; ++i) {
    for (int64_t k = 0; k < work.filters; ++k) {
      write_entry(ends[k], corners[winners[k] & 3], gradients[k]);
      ends[k] += is_kept(gradients[k]);
    }
    gradients += stride;
    winners += stride;
    corners += 4;
  }
  for (int64_t k = 0; k < work.filters; ++k)
    work.counts[k] = static_cast<int32_t>(ends[k] - (work.lists + k * capacity));
}

void add_window(const float* gradients, const uint8_t* winners, int64_t filters,
                TileEntry* (&ends)[4]) {
  for (int64_t k = 0; k < filters; ++k) {
    TileEntry*& end = ends[winners[k] & 3];
    write_entry(end, static_cast<int32_t>(k), gradients[k]);
    end += is_kept(gradients[k]);
  }
}

}  // namespace one_by_one

#ifdef __x86_64__
STRATA_BEGIN_TARGET("avx512f,avx512vl,avx512dq,avx512bw,popcnt")
// With AVX-512, eight entries at a time: an instruction moves those that stay to the front.
namespace compressed {

/// Those of the eight entries [offset | gradient] whose gradient is not zero.
__mmask8 kept_of(__m512i entries) {
  return _mm512_test_epi64_mask(entries, _mm512_set1_epi64(0x7fffffff00000000));
}

/// Returns the new end.
TileEntry* append(TileEntry* end, __m512i entries, __mmask8 kept) {
  _mm512_storeu_si512(end, _mm512_maskz_compress_epi64(kept, entries));
  return end + _mm_popcnt_u32(kept);
}

/// rows[i] lane j and rows[j] lane i change places.
void transpose(__m512i (&rows)[8]) {
  __m512i pairs[8], halves[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(rows[i], rows[i + 1]);
  }
  // Lanes 0 and 4, then 2 and 6, of four rows each.
#pragma GCC unroll 2
  for (int odd = 0; odd < 2; ++odd) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m512i upper = pairs[4 * half + odd], lower = pairs[4 * half + 2 + odd];
      halves[4 * odd + 2 * half] = _mm512_shuffle_i64x2(upper, lower, 0x88);
      halves[4 * odd + 2 * half + 1] = _mm512_shuffle_i64x2(upper, lower, 0xdd);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const __m512i first = halves[4 * odd + i], second = halves[4 * odd + 2 + i];
      rows[odd + 2 * i] = _mm512_shuffle_i64x2(first, second, 0x88);
      rows[odd + 2 * i + 4] = _mm512_shuffle_i64x2(first, second, 0xdd);
    }
  }
}

void sort_by_filter(const ListsByFilter& work) {
  const PooledWindows& windows = work.windows;
  const int64_t capacity = list_capacity(windows.count);
  const auto filters = static_cast<__mmask8>((1u << work.filters) - 1);
  // An offset and its gradient, from two vectors of eight.
  const __m512i interleave =
      _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  TileEntry* ends[ListsByFilter::kMost];
  for (int64_t k = 0; k < work.filters; ++k) ends[k] = work.lists + k * capacity;
  for (int64_t i = 0; i < windows.count; i += 8) {
    __m512i entries[8];  // of a window each, then of a filter each
#pragma GCC unroll 8
    for (int64_t j = 0; j < 8; ++j) {
      entries[j] = _mm512_setzero_si512();
      if (i + j >= windows.count) continue;
      const int64_t at = (i + j) * windows.filters + work.first;
      const __m256i places =
          _mm256_cvtepu8_epi32(_mm_maskz_loadu_epi8(filters, windows.winners + at));
      const __m256 corners =
          _mm256_broadcast_ps(reinterpret_cast<const __m128*>(work.corners + 4 * (i + j)));
      const __m256 offsets = _mm256_permutevar_ps(corners, places);
      const __m256 gradients = _mm256_maskz_loadu_ps(filters, windows.gradients + at);
      entries[j] = _mm512_permutex2var_epi32(
          _mm512_castsi256_si512(_mm256_castps_si256(offsets)), interleave,
          _mm512_castsi256_si512(_mm256_castps_si256(gradients)));
    }
    transpose(entries);
    for (int64_t k = 0; k < work.filters; ++k)
      ends[k] = append(ends[k], entries[k], kept_of(entries[k]));
  }
  for (int64_t k = 0; k < work.filters; ++k)
    work.counts[k] = static_cast<int32_t>(ends[k] - (work.lists + k * capacity));
}

void add_window(const float* gradients, const uint8_t* winners, int64_t filters,
                TileEntry* (&ends)[4]) {
  TileEntry* own_ends[] = {ends[0], ends[1], ends[2], ends[3]};  // in registers
  __m512i numbers = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
  for (int64_t k = 0; k < filters; k += 8) {
    const auto here = static_cast<__mmask8>((1u << std::min<int64_t>(filters - k, 8)) - 1);
    const __m256i bits = _mm256_castps_si256(_mm256_maskz_loadu_ps(here, gradients + k));
    const __m512i places = _mm512_cvtepu8_epi64(_mm_maskz_loadu_epi8(here, winners + k));
    const __m512i entries =
        _mm512_or_si512(_mm512_slli_epi64(_mm512_cvtepu32_epi64(bits), 32), numbers);
    const __mmask8 all = kept_of(entries);
#pragma GCC unroll 4
    for (int place = 0; place < 4; ++place) {
      const __mmask8 own = _mm512_mask_cmpeq_epi64_mask(all, places, _mm512_set1_epi64(place));
      own_ends[place] = append(own_ends[place], entries, own);
    }
    numbers = _mm512_add_epi64(numbers, _mm512_set1_epi64(8));
  }
  std::copy_n(own_ends, 4, ends);
}

}  // namespace compressed
STRATA_END_TARGET
#endif

}  // namespace

void sort_by_filter(const ListsByFilter& work) {
#ifdef __x86_64__
  if (instructions() >= Instructions::avx512) return compressed::sort_by_filter(work);
#endif
  one_by_one::sort_by_filter(work);
}

void sort_by_pixel(const ListsByPixel& work) {
  const PooledWindows& windows = work.windows;
  const int64_t capacity = list_capacity(windows.filters), width = work.width;
  auto add_window = one_by_one::add_window;
#ifdef __x86_64__
  if (instructions() >= Instructions::avx512) add_window = compressed::add_window;
#endif
  std::fill_n(work.counts, windows.count / work.windows_wide * 2 * width, 0);
  for (int64_t i = 0; i < windows.count; ++i) {
    const int64_t pixel = i / work.windows_wide * 2 * width + i % work.windows_wide * 2;
    TileEntry* const first = work.lists + pixel * capacity;
    TileEntry* const lists[] = {first, first + capacity, first + width * capacity,
                                first + (width + 1) * capacity};
    TileEntry* ends[] = {lists[0], lists[1], lists[2], lists[3]};
    add_window(windows.gradients + i * windows.filters, windows.winners + i * windows.filters,
               windows.filters, ends);
    for (const int place : {0, 1, 2, 3})
      work.counts[pixel + place / 2 * width + place % 2] =
          static_cast<int32_t>(ends[place] - lists[place]);
  }
}

}  // namespace strata::cpu
