// The small kernels that the CPU's ops are made of, each compiled for several sets of instructions,
// against plain loops.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/cpu/bf16.h"
#include "ops/cpu/gather_gemm.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/pair_product.h"
#include "ops/cpu/pooled_row.h"
#include "ops/cpu/relu_gradients.h"
#include "ops/cpu/tile_sums.h"
#include "ops/cpu/transposed_copy.h"
#include "tests/support/compare.h"
#include "tests/support/instructions.h"

namespace strata::test {
namespace {

using cpu::BFloat16Pair;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kUntouched = 77;

class CpuKernelsTest : public testing::TestWithParam<Instructions> {
 private:
  InstructionsScope scope_{GetParam()};
};

std::vector<float> random_floats(int64_t count, uint64_t seed) {
  return random_tensor({count}, seed, -1, 1, DType::float32).to_vector<float>();
}

std::vector<BFloat16> random_bfloat16s(int64_t count, uint64_t seed) {
  std::vector<BFloat16> result;
  for (const float value : random_floats(count, seed)) result.push_back(BFloat16::nearest(value));
  return result;
}

float float_of(uint32_t bits) {
  return std::bit_cast<float>(bits);
}

testing::AssertionResult near(double actual, double expected, double tolerance = 1e-4) {
  if (std::abs(actual - expected) <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << actual << " instead of " << expected;
}

/// What rounds in a special way, again and again, so that it meets vectors and what is left of
/// them.
std::vector<float> special_floats(int64_t count) {
  const float special[] = {float_of(0x3f808000),  // a tie: to even, down
                           float_of(0x3f818000),  // a tie: to even, up
                           float_of(0x3f808001),
                           float_of(0x7f800001),  // NaN, its set bits in the lower half only
                           float_of(0xff800001),
                           float_of(0x7fffffff),
                           kInfinity,
                           -kInfinity,
                           std::numeric_limits<float>::max(),  // rounds to infinity
                           -0.0f,
                           float_of(0x00008000)};
  std::vector<float> result;
  for (int64_t i = 0; i < count; ++i) result.push_back(special[i % std::size(special)]);
  return result;
}

TEST_P(CpuKernelsTest, NarrowTakesTheNearest) {
  for (int64_t count = 1; count <= 33; ++count) {
    for (const auto& from : {special_floats(count), random_floats(count, 1)}) {
      std::vector<BFloat16> to(count + 1, BFloat16{0x1234});
      cpu::narrow({from.data(), count, to.data()});
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(to[i].bits, BFloat16::nearest(from[i]).bits) << from[i] << ", " << i;
      ASSERT_EQ(to[count].bits, 0x1234);
    }
  }
}

TEST_P(CpuKernelsTest, WidenKeepsTheBits) {
  for (int64_t count = 1; count <= 33; ++count) {
    std::vector<BFloat16> from;
    for (int64_t i = 0; i < count; ++i)
      from.push_back({static_cast<uint16_t>(i % 3 == 0 ? 0xff81 - i : 40503 * i)});
    std::vector<float> to(count + 1, kUntouched);
    cpu::widen({from.data(), count, to.data()});
    for (int64_t i = 0; i < count; ++i)
      ASSERT_EQ(std::bit_cast<uint32_t>(to[i]), uint32_t{from[i].bits} << 16) << i;
    ASSERT_EQ(to[count], kUntouched);
  }
}

TEST_P(CpuKernelsTest, PairRowsPutsTheFirstRowBelow) {
  for (int64_t count = 1; count <= 33; ++count) {
    const auto first = random_bfloat16s(count, 1), second = random_bfloat16s(count, 2);
    for (const bool has_second : {true, false}) {
      std::vector<BFloat16Pair> to(count + 1, 5);
      cpu::pair_rows({first.data(), has_second ? second.data() : nullptr, count, to.data()});
      for (int64_t i = 0; i < count; ++i)
        ASSERT_EQ(to[i], first[i].bits + (has_second ? second[i].bits * 65536u : 0u)) << i;
      ASSERT_EQ(to[count], 5u);
    }
  }
}

TEST_P(CpuKernelsTest, CopyTransposed) {
  constexpr int64_t kFromStride = 29, kToStride = 31;
  const std::vector<float> from = random_floats(26 * kFromStride, 1);
  for (const int64_t rows : {0, 1, 7, 8, 9, 16, 25}) {
    for (const int64_t columns : {0, 1, 7, 8, 9, 23, 24}) {
      std::vector<float> to(26 * kToStride, kUntouched), expected = to;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          expected[j * kToStride + i] = from[i * kFromStride + j];
      cpu::copy_transposed({.from = from.data(),
                            .from_stride = kFromStride,
                            .rows = rows,
                            .columns = columns,
                            .to = to.data(),
                            .to_stride = kToStride});
      ASSERT_EQ(to, expected) << rows << " x " << columns;
    }
  }
}

TEST_P(CpuKernelsTest, ReluGradientsOfSomeColumns) {
  constexpr int64_t kRows = 5, kStride = 150;
  std::vector<float> output = random_floats(kRows * kStride, 1);
  const std::vector<float> gradients = random_floats(kRows * kStride, 2);
  for (size_t i = 0; i < output.size(); i += 3) output[i] = 0;
  output[4] = NAN;  // is not greater than 0
  for (const auto& [first, last] : {std::pair{0, 150}, {3, 4}, {1, 34}, {5, 140}, {9, 9}}) {
    for (const bool has_relu : {true, false}) {
      for (const bool has_sums : {true, false}) {
        std::vector<float> open(output.size(), kUntouched), sums(kStride, kUntouched);
        std::vector<float> expected_open = open, expected_sums = sums;
        for (int64_t column = first; column < last; ++column) {
          float sum = 0;
          for (int64_t at = column; at < kRows * kStride; at += kStride) {
            const float gradient = !has_relu || output[at] > 0 ? gradients[at] : 0;
            if (has_relu) expected_open[at] = gradient;
            sum += gradient;
          }
          if (has_sums) expected_sums[column] = sum;
        }
        cpu::relu_gradients({.rows = kRows,
                             .stride = kStride,
                             .first_column = first,
                             .last_column = last,
                             .output = has_relu ? output.data() : nullptr,
                             .gradients = gradients.data(),
                             .open = open.data(),
                             .sums = has_sums ? sums.data() : nullptr});
        ASSERT_EQ(open, expected_open) << first << " to " << last;
        ASSERT_EQ(sums, expected_sums) << first << " to " << last;
      }
    }
  }
}

/// Four pixels of a window to (maximum, winner), after bias and ReLU.
struct Window {
  float pixels[4];
  float output;
  uint8_t winner;
};

TEST_P(CpuKernelsTest, PoolRowKnowsTiesNanAndClosedRelu) {
  const Window windows[] = {
      {{1, 2, 3, 4}, 4.5f, 3},
      {{4, 4, 4, 4}, 4.5f, 0},
      {{1, 3, 3, 2}, 3.5f, 1},
      {{1, 2, 3, 3}, 3.5f, 2},
      {{-1, -1, -2, -3}, 0, kNoWinner},
      {{-0.5f, -9, -9, -9}, 0, kNoWinner},
      {{-9, kInfinity, 1, 2}, kInfinity, 1},
  };
  for (int64_t channels = 1; channels <= 33; ++channels) {
    const int64_t count = 3, row_stride = 2 * count * channels + 5;
    const auto window_of = [&](int64_t i) { return windows[i % std::size(windows)]; };
    std::vector<float> rows(2 * row_stride);
    for (int64_t q = 0; q < count; ++q)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < 4; ++i)
          rows[i / 2 * row_stride + (2 * q + i % 2) * channels + c] =
              window_of(q * channels + c).pixels[i];
    const std::vector<float> bias(channels, 0.5f);
    std::vector<float> output(count * channels + 1, kUntouched);
    std::vector<uint8_t> winners(count * channels + 1, 99);
    std::vector<int32_t> numbers(count * channels);
    cpu::pool_row({rows.data(), row_stride, channels, count, bias.data(), output.data(),
                   winners.data(), numbers.data()});
    for (int64_t i = 0; i < count * channels; ++i) {
      ASSERT_EQ(output[i], window_of(i).output) << channels << " channels, " << i;
      ASSERT_EQ(winners[i], window_of(i).winner) << channels << " channels, " << i;
    }
    ASSERT_EQ(output.back(), kUntouched);
    ASSERT_EQ(winners.back(), 99);
    for (int64_t place = 0; place < 4; ++place) {  // NaN wherever it stands
      std::vector<float> with_nan = rows;
      for (int64_t i = 0; i < 2 * count * channels; ++i)
        if (i / channels % 2 == place % 2) with_nan[place / 2 * row_stride + i] = NAN;
      cpu::pool_row({with_nan.data(), row_stride, channels, count, nullptr, output.data(), nullptr,
                     numbers.data()});
      for (int64_t i = 0; i < count * channels; ++i)
        ASSERT_TRUE(std::isnan(output[i])) << channels << " channels, " << i << ", place " << place;
    }
  }
}

TEST_P(CpuKernelsTest, OpenGradientsAddsToTheSums) {
  for (int64_t channels = 1; channels <= 33; ++channels) {
    const int64_t pixels = 5, size = pixels * channels;
    const std::vector<float> gradients = random_floats(size, 1),
                             before = random_floats(channels, 2);
    std::vector<uint8_t> winners(size);
    for (int64_t i = 0; i < size; ++i) winners[i] = i % 3 == 0 ? kNoWinner : i % 4;
    std::vector<float> open(size + 1, kUntouched), sums = before;
    cpu::open_gradients({.pixels = pixels,
                         .channels = channels,
                         .gradients = gradients.data(),
                         .winners = winners.data(),
                         .open = open.data(),
                         .sums = sums.data()});
    for (int64_t i = 0; i < size; ++i) ASSERT_EQ(open[i], i % 3 == 0 ? 0 : gradients[i]) << i;
    ASSERT_EQ(open[size], kUntouched);
    for (int64_t c = 0; c < channels; ++c) {
      double sum = before[c];
      for (int64_t i = c; i < size; i += channels) sum += open[i];
      ASSERT_TRUE(near(sums[c], sum)) << channels << " channels, " << c;
    }
  }
}

struct Tile {
  int64_t rows, columns;
  int width;
  int64_t unit;
};

/// Lists of 0 to 11 entries, whose tiles overlap in the source, not in the sums.
void try_tile(const Tile& tile) {
  constexpr int64_t kLists = 12, kCapacity = 11, kOffsets = 50;
  const int64_t source_column = tile.width + 3, source_row = tile.columns * source_column + 5;
  const int64_t sums_column = tile.width + 1, sums_row = tile.columns * sums_column + 2;
  const int64_t size = tile.rows * sums_row + 4;
  const std::vector<float> source = random_floats(kOffsets * tile.unit + tile.rows * source_row, 1);
  const std::vector<float> scales = random_floats(kLists * kCapacity, 2);
  std::vector<float> sums = random_floats(kLists * size, 3);
  std::vector<double> expected(sums.begin(), sums.end());
  std::vector<cpu::TileEntry> entries;
  std::vector<int64_t> offsets;
  std::vector<int32_t> counts;
  for (int64_t list = 0; list < kLists; ++list) {
    offsets.push_back((kLists - 1 - list) * size);
    counts.push_back(static_cast<int32_t>(list));
    for (int64_t i = 0; i < kCapacity; ++i) {
      const auto entry = static_cast<int32_t>(list * kCapacity + i);
      entries.push_back({entry * 7 % static_cast<int32_t>(kOffsets), scales[entry]});
      if (i >= list) continue;
      for (int64_t r = 0; r < tile.rows; ++r)
        for (int64_t s = 0; s < tile.columns; ++s)
          for (int64_t lane = 0; lane < tile.width; ++lane)
            expected[offsets.back() + r * sums_row + s * sums_column + lane] +=
                double{entries.back().scale} * source[entries.back().offset * tile.unit +
                                                      r * source_row + s * source_column + lane];
    }
  }
  cpu::add_tiles({.rows = tile.rows,
                  .columns = tile.columns,
                  .width = tile.width,
                  .source = source.data(),
                  .unit = tile.unit,
                  .source_row = source_row,
                  .source_column = source_column,
                  .sums = sums.data(),
                  .sums_row = sums_row,
                  .sums_column = sums_column,
                  .sums_offsets = offsets,
                  .entries = entries.data(),
                  .capacity = kCapacity,
                  .counts = counts.data()});
  for (size_t i = 0; i < sums.size(); ++i) ASSERT_TRUE(near(sums[i], expected[i])) << i;
}

TEST_P(CpuKernelsTest, AddTilesMatchesPlainLoops) {
  for (int64_t rows = 1; rows <= 7; ++rows)
    for (int64_t columns = 1; columns <= 4; ++columns)
      for (const int width : {8, 16})
        for (const int64_t unit : {1, 3}) {
          SCOPED_TRACE(fmt::format("{} x {}, width {}, unit {}", rows, columns, width, unit));
          try_tile({rows, columns, width, unit});
          if (HasFatalFailure()) return;
        }
}

TEST_P(CpuKernelsTest, PairProductMatchesPlainLoops) {
  if (!cpu::has_pair_products()) GTEST_SKIP() << "needs a processor with AVX-512 BF16";
  constexpr int64_t kDepth = 19, kRowStride = 2 * kDepth + 6, kWidth = cpu::kPairPanelWidth;
  const std::vector<BFloat16> a = random_bfloat16s(26 * kRowStride, 1);
  const std::vector<BFloat16> b = random_bfloat16s(2 * kDepth * kWidth, 2);
  std::vector<BFloat16Pair> pairs(kDepth * kWidth);
  std::memcpy(pairs.data(), b.data(), b.size() * sizeof(BFloat16));
  for (const int64_t rows : {1, 2, 7, 8, 9, 15, 16, 17, 25}) {
    for (int64_t columns = 1; columns <= kWidth; ++columns) {
      std::vector<int64_t> row_offsets, depth_offsets;
      for (int64_t i = 0; i < rows; ++i) row_offsets.push_back((rows - i) * kRowStride);
      for (int64_t l = 0; l < kDepth; ++l) depth_offsets.push_back(2 * (kDepth - l));
      std::vector<float> c(rows * (kWidth + 1), kUntouched);
      cpu::pair_product({.a = a.data(),
                         .row_offsets = row_offsets,
                         .depth_offsets = depth_offsets,
                         .b = pairs.data(),
                         .b_stride = kWidth,
                         .c = c.data(),
                         .c_stride = kWidth + 1,
                         .columns = columns});
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j <= kWidth; ++j) {
          double sum = j < columns ? 0 : kUntouched;
          for (int64_t l = 0; l < kDepth && j < columns; ++l)
            for (int64_t half = 0; half < 2; ++half)
              sum += double{static_cast<float>(a[row_offsets[i] + depth_offsets[l] + half])} *
                     static_cast<float>(b[2 * (l * kWidth + j) + half]);
          ASSERT_TRUE(near(c[i * (kWidth + 1) + j], sum)) << rows << " rows, " << i << ", " << j;
        }
      }
    }
  }
}

struct Product {
  int64_t m, n, k;
  int64_t a_row = 0, b_row = 0;  // from one row to the next; 0: no gap
  bool a_transposed = false, b_transposed = false;
};

/// A sum of k terms of size 1/3 has some sqrt(k) roundings of a number of size sqrt(k) / 3.
void try_product(const Product& p) {
  const int64_t a_row = p.a_row ? p.a_row : p.a_transposed ? p.m : p.k;
  const int64_t b_row = p.b_row ? p.b_row : p.b_transposed ? p.k : p.n;
  const std::vector<float> a = random_floats(a_row * (p.a_transposed ? p.k : p.m), 1);
  const std::vector<float> b = random_floats(b_row * (p.b_transposed ? p.n : p.k), 2);
  const std::vector<float> bias = random_floats(p.n, 3);
  std::vector<float> c(p.m * p.n + 1, kUntouched);
  const cpu::MatrixView left = cpu::matrix_view(a.data(), a_row, p.a_transposed);
  const cpu::MatrixView right = cpu::matrix_view(b.data(), b_row, p.b_transposed);
  cpu::gemm({.m = p.m,
             .n = p.n,
             .k = p.k,
             .a = left,
             .b = right,
             .c = c.data(),
             .bias = bias.data(),
             .relu = true});
  std::vector<double> row(p.n);
  for (int64_t i = 0; i < p.m; ++i) {
    row.assign(bias.begin(), bias.end());
    for (int64_t l = 0; l < p.k; ++l) {
      const double factor = left.data[i * left.row + l * left.column];
      for (int64_t j = 0; j < p.n; ++j)
        row[j] += factor * right.data[l * right.row + j * right.column];
    }
    for (int64_t j = 0; j < p.n; ++j)
      ASSERT_TRUE(near(c[i * p.n + j], std::max(row[j], 0.0), 1e-6 * p.k + 1e-5)) << i << ", " << j;
  }
  ASSERT_EQ(c.back(), kUntouched);
}

// Where blocks, panels and slabs end; rows a multiple of a page apart are copied.
TEST_P(CpuKernelsTest, GemmMatchesPlainLoops) {
  std::vector<Product> products = {
      {.m = 3, .n = 9, .k = 8200},    // a slab is no wider than its smallest unit
      {.m = 2, .n = 300, .k = 8200},  // several slabs
      {.m = 5, .n = 2100, .k = 1030},
      {.m = 5, .n = 2100, .k = 1030, .b_transposed = true},
      {.m = 70, .n = 33, .k = 100, .a_row = 1024, .b_row = 2048},
      {.m = 70, .n = 33, .k = 1024},
      {.m = 3, .n = 5, .k = 0},
  };
  for (const int64_t m : {1, 63, 64, 65})
    for (const bool a_transposed : {false, true})
      for (const bool b_transposed : {false, true})
        products.push_back(
            {.m = m, .n = 50, .k = 37, .a_transposed = a_transposed, .b_transposed = b_transposed});
  for (const Product& p : products) {
    SCOPED_TRACE(fmt::format("{} x {} x {}, transposed {} {}", p.m, p.n, p.k, p.a_transposed,
                             p.b_transposed));
    try_product(p);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, CpuKernelsTest, testing::ValuesIn(all_instructions()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace strata::test
