// Sorting the gradients behind a max-pooling, with each set of instructions.
#include "ops/cpu/gradient_lists.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/instructions.h"

namespace strata::test {
namespace {

/// Random windows, a third of whose gradients are zero, some of them negative zeros.
struct Windows {
  int64_t count, filters;
  std::vector<float> gradients;
  std::vector<uint8_t> winners;

  Windows(int64_t count, int64_t filters) : count(count), filters(filters) {
    std::mt19937 random(static_cast<uint32_t>(count * 100 + filters));
    for (int64_t i = 0; i < count * filters; ++i) {
      const auto kind = random() % 9;
      gradients.push_back(kind < 2 ? 0.0f : kind == 2 ? -0.0f : static_cast<float>(i + 1));
      winners.push_back(static_cast<uint8_t>(kind < 3 ? random() % 6 : random() % 4));
    }
  }

  cpu::PooledWindows view() const { return {count, filters, gradients.data(), winners.data()}; }
  float gradient(int64_t window, int64_t filter) const {
    return gradients[window * filters + filter];
  }
  int winner(int64_t window, int64_t filter) const { return winners[window * filters + filter]; }
};

using Entries = std::vector<std::pair<int32_t, float>>;

Entries entries_of(const cpu::TileEntry* list, int32_t count) {
  Entries entries;
  for (int32_t i = 0; i < count; ++i) entries.emplace_back(list[i].offset, list[i].scale);
  return entries;
}

class GradientListsTest : public testing::TestWithParam<Instructions> {};

TEST_P(GradientListsTest, ByFilter) {
  const InstructionsScope scope(GetParam());
  for (const int64_t count : {1, 7, 8, 9, 30}) {
    for (const int64_t filters : {1, 3, 8, 13, 32}) {
      const Windows windows(count, filters);
      std::vector<int32_t> corners(4 * count);
      for (size_t i = 0; i < corners.size(); ++i) corners[i] = static_cast<int32_t>(1000 + i);
      for (int64_t first = 0; first < filters; first += cpu::ListsByFilter::kMost) {
        const int64_t here = std::min(cpu::ListsByFilter::kMost, filters - first);
        const int64_t capacity = cpu::list_capacity(count);
        std::vector<cpu::TileEntry> lists(here * capacity);  // no more: the sanitizer watches
        std::vector<int32_t> counts(here);
        cpu::sort_by_filter({.windows = windows.view(),
                             .first = first,
                             .filters = here,
                             .corners = corners.data(),
                             .lists = lists.data(),
                             .counts = counts.data()});
        for (int64_t k = 0; k < here; ++k) {
          Entries expected;
          for (int64_t i = 0; i < count; ++i)
            if (const float gradient = windows.gradient(i, first + k); gradient != 0)
              expected.emplace_back(corners[4 * i + windows.winner(i, first + k)], gradient);
          EXPECT_EQ(entries_of(&lists[k * capacity], counts[k]), expected)
              << count << " windows, filter " << first + k << " of " << filters;
        }
      }
    }
  }
}

TEST_P(GradientListsTest, ByPixel) {
  const InstructionsScope scope(GetParam());
  for (const int64_t filters : {1, 3, 8, 13, 32}) {
    // Two rows of three windows; the convolution's rows have a pixel that no window covers.
    const int64_t wide = 3, width = 7, rows = 2;
    const Windows windows(rows * wide, filters);
    const int64_t capacity = cpu::list_capacity(filters), pixels = rows * 2 * width;
    std::vector<cpu::TileEntry> lists(pixels * capacity);
    std::vector<int32_t> counts(pixels, -1);
    cpu::sort_by_pixel({.windows = windows.view(),
                        .windows_wide = wide,
                        .width = width,
                        .lists = lists.data(),
                        .counts = counts.data()});
    std::vector<Entries> expected(pixels);
    for (int64_t i = 0; i < windows.count; ++i)
      for (int64_t k = 0; k < filters; ++k)
        if (const float gradient = windows.gradient(i, k); gradient != 0) {
          const int64_t row = 2 * (i / wide) + windows.winner(i, k) / 2;
          const int64_t column = 2 * (i % wide) + windows.winner(i, k) % 2;
          expected[row * width + column].emplace_back(static_cast<int32_t>(k), gradient);
        }
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      EXPECT_EQ(entries_of(&lists[pixel * capacity], counts[pixel]), expected[pixel])
          << filters << " filters, pixel " << pixel;
  }
}

TEST_P(GradientListsTest, NaNAndTheSmallestAreNoZeros) {
  const InstructionsScope scope(GetParam());
  const float gradients[] = {std::numeric_limits<float>::quiet_NaN(),
                             std::numeric_limits<float>::denorm_min(),
                             -std::numeric_limits<float>::infinity(), 0};
  const uint8_t winners[] = {0, 1, 2, 3};
  const int32_t corners[] = {10, 11, 12, 13};
  cpu::TileEntry lists[4 * cpu::list_capacity(1)];
  int32_t counts[4];
  cpu::sort_by_filter({.windows = {1, 4, gradients, winners},
                       .first = 0,
                       .filters = 4,
                       .corners = corners,
                       .lists = lists,
                       .counts = counts});
  EXPECT_EQ(std::vector<int32_t>(counts, counts + 4), (std::vector<int32_t>{1, 1, 1, 0}));
  EXPECT_TRUE(std::isnan(lists[0].scale));
  EXPECT_EQ(lists[cpu::list_capacity(1)].offset, 11);

  cpu::sort_by_pixel({.windows = {1, 4, gradients, winners},
                      .windows_wide = 1,
                      .width = 2,
                      .lists = lists,
                      .counts = counts});
  EXPECT_EQ(std::vector<int32_t>(counts, counts + 4), (std::vector<int32_t>{1, 1, 1, 0}));
  EXPECT_TRUE(std::isnan(lists[0].scale));
  EXPECT_EQ(lists[cpu::list_capacity(4)].offset, 1);
}

INSTANTIATE_TEST_SUITE_P(Cpu, GradientListsTest, testing::ValuesIn(all_instructions()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace strata::test
