// How the GPU's own matrix products are cut into blocks; needs no GPU.
#include "ops/cuda/gemm_plan.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/compare.h"

namespace strata::test {
namespace {

using cuda::GemmExtents;
using cuda::GemmPlan;
using cuda::GemmTile;
using cuda::plan_gemm;

constexpr int kMultiprocessors = 132;  // an H100

GemmPlan plan_of(const GemmExtents& extents, int multiprocessors = kMultiprocessors) {
  return plan_gemm("test", extents, multiprocessors);
}

TEST(GemmPlanTest, CoversEveryElementOnce) {
  for (const int64_t m : {1, 31, 32, 33, 127, 128, 129, 100000})
    for (const int64_t n : {1, 31, 32, 33, 63, 64, 65, 1000})
      for (const int64_t k : {0, 1, 15, 16, 17, 64, 800, 147456})
        for (const int64_t batch : {1, 3, 1000}) {
          SCOPED_TRACE(fmt::format("{} x {} x {}, {} times", m, n, k, batch));
          const GemmPlan plan = plan_of({m, n, k, batch});
          const cuda::TileSize size = size_of(plan.tile);
          EXPECT_GE(int64_t{plan.tiles_m} * size.m, m);
          EXPECT_LT(int64_t{plan.tiles_m - 1} * size.m, m);
          EXPECT_GE(int64_t{plan.tiles_n} * size.n, n);
          EXPECT_LT(int64_t{plan.tiles_n - 1} * size.n, n);
          EXPECT_EQ(plan.k_per_split % cuda::kTileK, 0);
          EXPECT_GE(int64_t{plan.splits} * plan.k_per_split, k);
          if (k > 0) {
            EXPECT_LT(int64_t{plan.splits - 1} * plan.k_per_split, k);
          }
          EXPECT_EQ(plan.blocks, int64_t{plan.tiles_m} * plan.tiles_n * batch * plan.splits);
        }
}

TEST(GemmPlanTest, CutsALongSumOfFewResults) {
  const GemmPlan weight_gradient = plan_of({25, 24, 147456});  // LeNet's first convolution
  EXPECT_EQ(weight_gradient.tile, GemmTile::small);
  EXPECT_GT(weight_gradient.blocks, 4 * kMultiprocessors);
  const GemmPlan forward = plan_of({147456, 24, 25});
  EXPECT_EQ(forward.tile, GemmTile::tall);
  EXPECT_EQ(forward.splits, 1);
}

TEST(GemmPlanTest, TakesTheLargestTileThatKeepsTheGpuBusy) {
  EXPECT_EQ(plan_of({4096, 4096, 4096}).tile, GemmTile::square);
  EXPECT_EQ(plan_of({256, 256, 64}).tile, GemmTile::small);
  EXPECT_EQ(plan_of({256, 256, 64}, 4).tile, GemmTile::square);
}

TEST(GemmPlanTest, RefusesWhatThirtyTwoBitsCannotCount) {
  const int64_t large = int64_t{1} << 31;
  EXPECT_TRUE(fails("conv2d: a product of 2147483648 x 9 by 9 x 4, 1 times, is too large", [&] {
    plan_gemm("conv2d", {large, 4, 9}, kMultiprocessors);
  }));
  EXPECT_TRUE(fails("more blocks than the GPU takes", [&] {
    plan_of({int64_t{1} << 30, int64_t{1} << 30, 1});
  }));
}

}  // namespace
}  // namespace strata::test
