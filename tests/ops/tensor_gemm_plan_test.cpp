// How products on the tensor cores are cut into blocks; needs no GPU.
#include "ops/cuda/tensor_gemm_plan.h"

#include <gtest/gtest.h>

#include "tests/support/compare.h"

namespace strata::test {
namespace {

using cuda::kMinTensorStages;
using cuda::kTensorTileK;
using cuda::plan_tensor_gemm;
using cuda::stages_of;
using cuda::TensorExtents;
using cuda::TensorGemmPlan;
using cuda::TensorLimits;
using cuda::TensorTile;

constexpr TensorLimits kH100{.shared_bytes = 227 << 10, .clusters = {132, 66, 30, 15}};
constexpr TensorLimits kAmpere{.shared_bytes = 99 << 10, .clusters = {84, 0, 0, 0}};

TensorGemmPlan plan_of(const TensorExtents& extents, const TensorLimits& limits = kH100) {
  return plan_tensor_gemm("test", extents, limits);
}

TEST(TensorGemmPlanTest, CoversEveryElementOnce) {
  for (const TensorLimits& limits : {kH100, kAmpere})
    for (const int64_t m : {1, 31, 32, 33, 64, 127, 128, 129, 100000})
      for (const int64_t n : {1, 10, 32, 65, 256, 800})
        for (const int64_t k : {0, 1, 31, 32, 33, 800, 147456})
          for (const bool masked : {false, true}) {
            SCOPED_TRACE(fmt::format("{} x {} x {}", m, n, k));
            const TensorGemmPlan plan = plan_of({m, n, k, masked}, limits);
            const cuda::TensorTileSize size = size_of(plan.tile);
            EXPECT_GE(int64_t{plan.tiles_m} * size.m, m);
            EXPECT_LT(int64_t{plan.tiles_m - 1} * size.m, m);
            EXPECT_GE(int64_t{plan.tiles_n} * size.n, n);
            EXPECT_LT(int64_t{plan.tiles_n - 1} * size.n, n);
            EXPECT_GE(int64_t{plan.steps} * kTensorTileK, k);
            EXPECT_LT(int64_t{plan.steps - 1} * kTensorTileK, k);
            EXPECT_EQ(plan.blocks, int64_t{plan.tiles_m} * plan.tiles_n * plan.splits);
          }
}

// A cluster has a power of two of blocks, each of which has something to do; rows are dealt out
// evenly among them.
TEST(TensorGemmPlanTest, CutsKIntoPartsThatAClusterTakes) {
  for (const int64_t m : {32, 64, 256})
    for (const int64_t k : {1, 33, 100, 256, 5000}) {
      const TensorGemmPlan plan = plan_of({m, 256, k});
      EXPECT_TRUE(plan.splits == 1 || plan.splits == 2 || plan.splits == 4 || plan.splits == 8);
      EXPECT_LE(plan.splits, std::max(plan.steps, 1));
      EXPECT_EQ(size_of(plan.tile).m % plan.splits, 0);
      EXPECT_EQ(plan_of({m, 256, k}, kAmpere).splits, 1);  // has no clusters
    }
}

// LeNet's first dense layer, 800 -> 256: forward, gradient of the input, gradient of the weight.
TEST(TensorGemmPlanTest, KeepsTheGpuBusyInOneRoundWithASmallBatch) {
  for (const int64_t batch : {64, 192, 256}) {
    SCOPED_TRACE(batch);
    for (const TensorExtents& extents :
         {TensorExtents{batch, 256, 800}, {batch, 800, 256, true}, {256, 800, batch, true}}) {
      const TensorGemmPlan plan = plan_of(extents);
      EXPECT_NE(plan.tile, TensorTile::large);
      EXPECT_GE(plan.blocks, 50);
      EXPECT_LE(plan.tiles_m * plan.tiles_n,
                kH100.clusters_of(plan.splits) * size_of(plan.tile).blocks_per_multiprocessor);
    }
  }
}

// 16 clusters of 8 blocks with a multiprocessor each would be one more than run at once.
TEST(TensorGemmPlanTest, NoSecondRoundForAFewClusters) {
  for (const TensorExtents& extents :
       {TensorExtents{1024, 256, 800}, {1024, 800, 256, true}, {256, 800, 1024, true}}) {
    const TensorGemmPlan plan = plan_of(extents);
    EXPECT_LE(plan.tiles_m * plan.tiles_n, kH100.clusters_of(plan.splits));
  }
}

TEST(TensorGemmPlanTest, TakesLargeTilesWithALargeBatch) {
  EXPECT_EQ(plan_of({8192, 256, 800}).tile, TensorTile::large);
  EXPECT_EQ(plan_of({8192, 800, 256, true}).tile, TensorTile::large);
  EXPECT_EQ(plan_of({256, 800, 8192, true}).tile, TensorTile::large);
  EXPECT_EQ(plan_of({256, 800, 8192, true}).splits, 8);
}

TEST(TensorGemmPlanTest, StagesFitIntoSharedMemory) {
  for (const TensorLimits& limits : {kH100, kAmpere})
    for (const int64_t m : {1, 64, 256, 8192})
      for (const int64_t k : {1, 64, 800, 8192})
        for (const bool masked : {false, true}) {
          const TensorExtents extents{m, 256, k, masked};
          const TensorGemmPlan plan = plan_of(extents, limits);
          const int bytes =
              cuda::tensor_plan::lines_of(extents, plan.tile) * cuda::kMaxPaddedRow * 4;
          const int stages = stages_of(plan, bytes, limits);
          EXPECT_GE(stages, kMinTensorStages);
          EXPECT_LE(stages * bytes, limits.shared_bytes);
        }
}

TEST(TensorGemmPlanTest, AsksForAShortKAtOnce) {
  const TensorExtents extents{64, 256, 800};
  const TensorGemmPlan plan = plan_of(extents);
  const int bytes = cuda::tensor_plan::lines_of(extents, plan.tile) * cuda::kMaxPaddedRow * 4;
  EXPECT_GT(stages_of(plan, bytes, kH100), 800 / kTensorTileK / plan.splits);
}

TEST(TensorGemmPlanTest, RefusesWhatThirtyTwoBitsCannotCount) {
  const int64_t large = int64_t{1} << 31;
  EXPECT_TRUE(fails("dense: a product of 2147483648 x 9 by 9 x 4 is too large", [&] {
    plan_tensor_gemm("dense", {large, 4, 9}, kH100);
  }));
  EXPECT_TRUE(fails(
      "dense: a product of 1073741824 x 1073741824 needs more blocks than the GPU takes", [&] {
        plan_tensor_gemm("dense", {large / 2, large / 2, 1}, kH100);
      }));
}

}  // namespace
}  // namespace strata::test
