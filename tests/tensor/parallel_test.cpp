#include "tensor/parallel.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/compare.h"

namespace strata::test {
namespace {

class ParallelTest : public testing::Test {
 protected:
  void TearDown() override { set_thread_count(before_); }

 private:
  int before_ = thread_count();
};

// How often each of `count` items was visited.
std::vector<int> visits(int64_t count, int64_t grain) {
  std::vector<std::atomic<int>> visited(static_cast<size_t>(count));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    EXPECT_LT(begin, end);
    for (int64_t i = begin; i < end; ++i) ++visited[i];
  });
  return {visited.begin(), visited.end()};
}

TEST_F(ParallelTest, VisitsEachItemOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    set_thread_count(threads);
    EXPECT_EQ(thread_count(), threads);
    for (const int64_t count : {1, 2, 7, 100, 1001}) {
      for (const int64_t grain : {1, 3, 64, 5000})
        EXPECT_EQ(visits(count, grain), std::vector<int>(count, 1))
            << threads << " threads, " << count << " items, grain " << grain;
    }
  }
}

TEST_F(ParallelTest, NothingToDo) {
  parallel_for(0, 1, [](int64_t, int64_t) { FAIL() << "called for no items"; });
}

TEST_F(ParallelTest, UsesSeveralThreads) {
  set_thread_count(3);
  std::mutex mutex;
  std::condition_variable all_here;
  std::set<std::thread::id> seen;
  parallel_for(3, 1, [&](int64_t, int64_t) {
    std::unique_lock lock(mutex);
    seen.insert(std::this_thread::get_id());
    all_here.notify_all();
    all_here.wait_for(lock, std::chrono::seconds(10), [&] { return seen.size() == 3; });
  });
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(ParallelTest, SmallWorkStaysOnTheCaller) {
  set_thread_count(4);
  parallel_for(100, 51, [caller = std::this_thread::get_id()](int64_t begin, int64_t end) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 100);
  });
}

TEST_F(ParallelTest, ThrowsWhatARangeThrew) {
  for (const int threads : {1, 4}) {
    set_thread_count(threads);
    const auto work = [] {
      parallel_for(100, 1, [](int64_t begin, int64_t end) {
        if (begin <= 37 && 37 < end) throw std::runtime_error("37");
      });
    };
    EXPECT_THROW(work(), std::runtime_error);
    EXPECT_EQ(visits(100, 1), std::vector<int>(100, 1));  // the threads are still there
  }
}

TEST_F(ParallelTest, Nests) {
  set_thread_count(4);
  std::atomic<int64_t> sum = 0;
  parallel_for(20, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      parallel_for(30, 1, [&](int64_t first, int64_t last) { sum += last - first; });
  });
  EXPECT_EQ(sum, 600);
}

TEST_F(ParallelTest, SeveralCallersAtOnce) {
  set_thread_count(2);
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += visits(64, 1) != std::vector<int>(64, 1);
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// Long enough for all threads to fall asleep, then too short for it, with more threads than cores
// too.
TEST_F(ParallelTest, WakesThreadsThatSleep) {
  for (const int threads : {2, 3, 8}) {
    set_thread_count(threads);
    for (int i = 0; i < 40; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(i % 4 == 0 ? 1000 : 50 * (i % 4)));
      EXPECT_EQ(visits(1000, 1), std::vector<int>(1000, 1));
    }
  }
}

// The caller sleeps, and is woken, when another thread takes its time.
TEST_F(ParallelTest, WaitsForALongRange) {
  set_thread_count(2);
  for (int i = 0; i < 5; ++i) {
    std::atomic<int> done = 0;
    std::atomic<bool> other_began = false;
    parallel_for(2, 1, [&, caller = std::this_thread::get_id()](int64_t, int64_t) {
      const bool is_caller = std::this_thread::get_id() == caller;
      if (!is_caller) other_began = true;
      while (!other_began) std::this_thread::yield();
      if (!is_caller) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++done;
    });
    EXPECT_EQ(done, 2);
  }
}

// Many short calls in a row, each of which must see what the one before it wrote.
TEST_F(ParallelTest, CallsFollowEachOther) {
  for (const int threads : {2, 4}) {
    set_thread_count(threads);
    std::vector<int64_t> values(64, 0);
    for (int64_t i = 0; i < 5000; ++i)
      parallel_for(64, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) values[63 - k] = values[63 - k] == i ? i + 1 : -1;
      });
    EXPECT_EQ(values, std::vector<int64_t>(64, 5000)) << threads << " threads";
  }
}

TEST_F(ParallelTest, ThreadCountErrors) {
  EXPECT_TRUE(
      fails(ErrorKind::usage, "must be between 1 and 1024, got 0", [] { set_thread_count(0); }));
  EXPECT_TRUE(fails(ErrorKind::usage, "got 1025", [] { set_thread_count(1025); }));
}

}  // namespace
}  // namespace strata::test
