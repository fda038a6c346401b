#include "tensor/pool.h"

#include <cstdlib>

#include "tensor/tensor.h"
#include "tests/support/compare.h"

namespace strata::test {
namespace {

constexpr size_t kKilobyte = 1024;  // a size class, so nothing is rounded

class PoolTest : public testing::Test {
 protected:
  ~PoolTest() override { pool_.trim(); }
  Pool pool_{Device::cpu,
             {[](size_t bytes) { return std::malloc(bytes); },
              [](void* block) noexcept { std::free(block); }}};
};

TEST_F(PoolTest, ReusesBlocksOfASize) {
  void* first = pool_.allocate(10 * kKilobyte, MemoryUse::weights);
  pool_.release(first);
  EXPECT_EQ(pool_.allocate(10 * kKilobyte, MemoryUse::data), first);
  EXPECT_EQ(pool_.report().system_allocations, 1u);
  pool_.release(first);
}

TEST_F(PoolTest, RecurringSizesAskTheSystemNoMore) {
  const auto step = [this] {
    std::vector<void*> blocks;
    for (const size_t bytes : {1u, 700u, 5000u, 5000u, 300000u})
      blocks.push_back(pool_.allocate(bytes, MemoryUse::activations));
    for (void* block : blocks) pool_.release(block);
  };
  step();
  const size_t allocations = pool_.report().system_allocations;
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(pool_.report().system_allocations, allocations);
  EXPECT_EQ(pool_.report().total_in_use, 0u);
}

TEST_F(PoolTest, ReportsByUse) {
  void* weights = pool_.allocate(4 * kKilobyte, MemoryUse::weights);
  void* workspace = pool_.allocate(2 * kKilobyte, MemoryUse::workspace);
  const MemoryReport both = pool_.report();
  EXPECT_EQ(both.in_use[static_cast<int>(MemoryUse::weights)], 4 * kKilobyte);
  EXPECT_EQ(both.in_use[static_cast<int>(MemoryUse::workspace)], 2 * kKilobyte);
  EXPECT_EQ(both.total_in_use, 6 * kKilobyte);
  EXPECT_EQ(both.to_string(), "weights 0.0 MB, workspace 0.0 MB");
  pool_.release(workspace);
  EXPECT_EQ(pool_.report().total_in_use, 4 * kKilobyte);
  EXPECT_EQ(pool_.report().peak_in_use, 6 * kKilobyte);
  pool_.reset_peak();
  EXPECT_EQ(pool_.report().peak_in_use, 4 * kKilobyte);
  EXPECT_EQ(pool_.report().reserved, 6 * kKilobyte);
  pool_.trim();
  EXPECT_EQ(pool_.report().reserved, 4 * kKilobyte);
  pool_.release(weights);
  EXPECT_EQ(pool_.report().to_string(), "nothing in use");
}

// A block is at most a quarter larger than asked for, from the smallest class on.
TEST_F(PoolTest, WastesAtMostAQuarter) {
  for (size_t bytes = 512; bytes < 100000; bytes += 97) {
    void* block = pool_.allocate(bytes, MemoryUse::data);
    EXPECT_GE(pool_.report().total_in_use, bytes);
    EXPECT_LE(pool_.report().total_in_use, bytes + bytes / 4);
    pool_.release(block);
  }
}

TEST_F(PoolTest, LimitSaysWhoHoldsHowMuch) {
  pool_.set_limit(3 << 20);
  void* held = pool_.allocate(2 << 20, MemoryUse::optimizer);
  EXPECT_TRUE(fails(ErrorKind::out_of_memory,
                    "cpu memory: 2.1 MB more cannot be had; in use: optimizer 2.1 MB",
                    [this] { pool_.allocate(2 << 20, MemoryUse::data); }));
  // Nothing was booked for the request that failed.
  EXPECT_EQ(pool_.report().total_in_use, size_t{2} << 20);
  pool_.release(held);
}

// Free blocks of another size are given back before a request is refused.
TEST_F(PoolTest, LimitCountsFreeBlocksLast) {
  pool_.set_limit(3 << 20);
  pool_.release(pool_.allocate(2 << 20, MemoryUse::data));
  void* other = pool_.allocate(3 << 20, MemoryUse::data);
  EXPECT_EQ(pool_.report().reserved, size_t{3} << 20);
  pool_.release(other);
}

void note_join();

/// A pool whose releases are held, and how often it asked for a join.
class HeldPoolTest : public PoolTest {
 protected:
  HeldPoolTest() { current = this; }
  ~HeldPoolTest() override { pool_.end_hold(); }
  void hold(size_t limit) { pool_.hold_releases(limit, note_join); }
  int joins_ = 0;
  bool goes_on_ = false;  // the hold goes on after a join

 private:
  friend void note_join();
  static inline HeldPoolTest* current = nullptr;
};

void note_join() {
  HeldPoolTest& test = *HeldPoolTest::current;
  ++test.joins_;
  test.goes_on_ ? test.pool_.free_held() : test.pool_.end_hold();
}

TEST_F(HeldPoolTest, HandsNothingOutAgainBeforeTheJoin) {
  void* before = pool_.allocate(kKilobyte, MemoryUse::data);
  pool_.release(before);
  hold(kKilobyte << 10);
  void* first = pool_.allocate(kKilobyte, MemoryUse::data);
  EXPECT_EQ(first, before) << "what was free before the hold may be used";
  pool_.release(first);
  void* second = pool_.allocate(kKilobyte, MemoryUse::data);
  EXPECT_NE(second, first);
  EXPECT_EQ(pool_.report().total_in_use, kKilobyte);
  EXPECT_EQ(pool_.report().reserved, 2 * kKilobyte);
  pool_.end_hold();
  EXPECT_EQ(pool_.allocate(kKilobyte, MemoryUse::data), first);
  EXPECT_EQ(joins_, 0);
  pool_.release(first);
  EXPECT_EQ(pool_.allocate(kKilobyte, MemoryUse::data), first) << "the hold has ended";
  pool_.release(first);
  pool_.release(second);
}

TEST_F(HeldPoolTest, AsksForAJoinWhenTooMuchWaits) {
  hold(2 * kKilobyte);
  goes_on_ = true;
  std::vector<void*> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(pool_.allocate(kKilobyte, MemoryUse::data));
  for (void* block : blocks) pool_.release(block);
  EXPECT_EQ(joins_, 0) << "only an allocation gains from a join";
  void* next = pool_.allocate(kKilobyte, MemoryUse::data);
  EXPECT_EQ(joins_, 1);
  EXPECT_EQ(pool_.report().reserved, 3 * kKilobyte);
  pool_.release(next);
  void* other = pool_.allocate(kKilobyte, MemoryUse::data);
  EXPECT_NE(other, next) << "the hold goes on";
  EXPECT_EQ(joins_, 1);
  pool_.release(other);
}

TEST_F(HeldPoolTest, JoinsBeforeItRefuses) {
  pool_.set_limit(2 * kKilobyte);
  hold(kKilobyte << 10);
  pool_.release(pool_.allocate(2 * kKilobyte, MemoryUse::data));
  void* same = pool_.allocate(2 * kKilobyte, MemoryUse::data);
  EXPECT_EQ(joins_, 1);
  pool_.release(same);
  hold(kKilobyte << 10);
  void* other = pool_.allocate(kKilobyte, MemoryUse::data);  // of another size: trimmed first
  EXPECT_EQ(pool_.report().reserved, kKilobyte);
  EXPECT_TRUE(fails(ErrorKind::out_of_memory, "cannot be had",
                    [this] { pool_.allocate(2 * kKilobyte, MemoryUse::data); }));
  EXPECT_EQ(joins_, 2);
  pool_.release(other);
}

TEST_F(PoolTest, AnArenaKeepsItsBlocksFromOthers) {
  auto arena = std::make_shared<Arena>(pool_);
  void* common = pool_.allocate(kKilobyte, MemoryUse::data);
  pool_.release(common);
  void *kept, *fresh;
  {
    const ArenaScope scope(arena);
    EXPECT_EQ(ArenaScope::current(), arena);
    kept = pool_.allocate(kKilobyte, MemoryUse::data);
    EXPECT_EQ(kept, common) << "an arena takes what the pool has";
    fresh = pool_.allocate(kKilobyte, MemoryUse::data);
    pool_.release(fresh);
  }
  EXPECT_EQ(ArenaScope::current(), nullptr);
  pool_.release(kept);  // released outside of the scope, but of the arena
  pool_.trim();
  EXPECT_EQ(pool_.report().reserved, 2 * kKilobyte);
  void* outside = pool_.allocate(kKilobyte, MemoryUse::data);
  EXPECT_NE(outside, kept);
  EXPECT_NE(outside, fresh);
  {
    const ArenaScope scope(arena);
    EXPECT_EQ(pool_.allocate(kKilobyte, MemoryUse::data), kept);
    pool_.release(kept);
  }
  pool_.release(outside);
  arena.reset();
  pool_.trim();
  EXPECT_EQ(pool_.report().reserved, 0u);
}

TEST_F(PoolTest, BlocksOutliveTheirArena) {
  void *alive, *held;
  {
    const ArenaScope scope(std::make_shared<Arena>(pool_));
    alive = pool_.allocate(kKilobyte, MemoryUse::data);
    held = pool_.allocate(2 * kKilobyte, MemoryUse::data);
    pool_.hold_releases(SIZE_MAX, [] {});
    pool_.release(held);
  }
  pool_.end_hold();
  pool_.release(alive);
  EXPECT_EQ(pool_.allocate(kKilobyte, MemoryUse::data), alive);
  EXPECT_EQ(pool_.allocate(2 * kKilobyte, MemoryUse::data), held);
  pool_.release(alive);
  pool_.release(held);
}

TEST_F(PoolTest, AnArenaConcernsItsOwnPoolOnly) {
  const auto arena = std::make_shared<Arena>(pool_of(Device::cpu));
  const ArenaScope scope(arena);
  pool_.release(pool_.allocate(kKilobyte, MemoryUse::data));
  pool_.trim();
  EXPECT_EQ(pool_.report().reserved, 0u);
}

TEST(MemoryScopeTest, BooksTensors) {
  const auto held = [](MemoryUse use) {
    return pool_of(Device::cpu).report().in_use[static_cast<int>(use)];
  };
  const size_t before = held(MemoryUse::optimizer), activations = held(MemoryUse::activations);
  {
    const MemoryScope outer(MemoryUse::optimizer);
    const Tensor x = Tensor::empty({1024});
    {
      const MemoryScope inner(MemoryUse::data);
      EXPECT_EQ(MemoryScope::current(), MemoryUse::data);
    }
    EXPECT_EQ(MemoryScope::current(), MemoryUse::optimizer);
    const Tensor view = x.view({32, 32}), handle = x;
    EXPECT_EQ(held(MemoryUse::optimizer), before + 4096);
    EXPECT_EQ(held(MemoryUse::activations), activations);
  }
  EXPECT_EQ(held(MemoryUse::optimizer), before);
  EXPECT_EQ(MemoryScope::current(), MemoryUse::activations);
}

}  // namespace
}  // namespace strata::test
