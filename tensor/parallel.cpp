// A training step calls parallel_for some thirty times in two milliseconds. To put a thread to
// sleep and to wake it costs tens of microseconds each time, in a virtual machine more, so threads
// look out for work, and the caller for the end of it, for a while before they sleep.
//
// The ranges are cut into chunks, four for each thread, and each thread first takes its own: the
// same ones from kernel to kernel, whose data its cache still holds. Then it takes what others have
// not begun, so that a thread that comes late or runs on a slower core holds nobody up: no thread
// has to take part.
#include "tensor/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/cores.h"
#include "tensor/error.h"

namespace strata {
namespace {

constexpr int64_t kChunksPerThread = 4;
// Longer than what lies between two kernels of a step, short beside a thread that rests for good.
constexpr auto kSpinTime = std::chrono::microseconds(100);
constexpr size_t kCacheLine = 64;

thread_local bool inside_parallel_for = false;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // unlike `yield`, which does nothing, it takes some tens of cycles
#endif
}

/// Whether `ready()` became true while spinning. Nothing yields to other processes meanwhile: who
/// does is out for some milliseconds where one waits, and a thread that slept is let in at once.
template <class Ready>
bool spin_until(Ready&& ready) {
  constexpr int kLooks = 64;
  const auto end = std::chrono::steady_clock::now() + kSpinTime;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (ready()) return true;
      pause_core();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

class ThreadPool {
 public:
  explicit ThreadPool(int threads)
      : queues_(static_cast<size_t>(threads)), spins_(threads <= cores_available()) {
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error&) {
      stop();
      fail(ErrorKind::usage, "only {} of {} threads can be started here; use fewer (--threads)",
           workers_.size() + 1, threads);
    }
  }

  ~ThreadPool() { stop(); }

  /// Ranges for `parts` threads, 2 at least. One caller at a time.
  void run(int64_t count, int64_t chunk, int64_t parts, RangeBody body) {
    const int64_t chunks = (count + chunk - 1) / chunk;
    job_ = {&body, count, chunk, parts};
    for (int64_t part = 0; part < parts; ++part) {
      queues_[part].next.store(part * chunks / parts, std::memory_order_relaxed);
      queues_[part].end = (part + 1) * chunks / parts;
    }
    unfinished_.store(chunks, std::memory_order_relaxed);
    unclaimed_.store(chunks);  // from here on the workers take part
    wake(std::min(parts - 1, woken_));
    work(0);
    wait_for_the_end();
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  struct Job {
    const RangeBody* body;
    int64_t count, chunk, parts;
  };
  struct alignas(kCacheLine) Queue {
    std::atomic<int64_t> next;
    int64_t end;
  };

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  // Whoever counts `unclaimed_` down has a right to one chunk, and while that chunk is not finished
  // the job stays: only then may the job be looked at.
  bool claim() {
    int64_t left = unclaimed_.load(std::memory_order_relaxed);
    while (left > 0)
      if (unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acquire)) return true;
    return false;
  }

  int64_t next_chunk(int64_t thread) {
    for (int64_t i = thread;; ++i) {  // there is one for each claim
      Queue& queue = queues_[i % job_.parts];
      if (queue.next.load(std::memory_order_relaxed) >= queue.end) continue;
      const int64_t chunk = queue.next.fetch_add(1, std::memory_order_relaxed);
      if (chunk < queue.end) return chunk;
    }
  }

  void work(int64_t thread) {
    while (claim()) {
      const int64_t begin = next_chunk(thread) * job_.chunk;
      try {
        (*job_.body)(begin, std::min(begin + job_.chunk, job_.count));
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
      if (unfinished_.fetch_sub(1) == 1 && caller_sleeps_) {
        std::lock_guard lock(mutex_);
        finished_.notify_one();
      }
    }
  }

  // Here and in serve(), who is about to sleep says so first and looks once more then; the other
  // side gives first and then looks for sleepers. In the one order of these four, one sees the
  // other. Who was woken wakes others in turn, if work is left by then: a call costs its caller as
  // little time for many threads as for three.
  void wake(int64_t wanted) {
    int64_t sleepers = sleepers_;
    if (sleepers == 0) return;
    { std::lock_guard lock(mutex_); }  // whoever has said so by now is asleep
    for (sleepers = std::min(sleepers, wanted); sleepers > 0; --sleepers) wake_.notify_one();
  }

  void wait_for_the_end() {
    const auto done = [this] { return unfinished_ == 0; };
    if (done() || (spins_ && spin_until(done))) return;
    std::unique_lock lock(mutex_);
    caller_sleeps_ = true;
    finished_.wait(lock, done);
    caller_sleeps_ = false;
  }

  void serve(int64_t thread) {
    inside_parallel_for = true;
    const auto called = [this] { return unclaimed_ > 0 || stopping_; };
    while (!stopping_) {
      if (!spins_ || !spin_until(called)) {
        std::unique_lock lock(mutex_);
        ++sleepers_;
        if (!called()) wake_.wait(lock);  // once awake it spins again, even if it came too late
        --sleepers_;
        lock.unlock();
        if (unclaimed_ > 1) wake(woken_);
      }
      work(thread);
    }
  }

  std::vector<std::thread> workers_;
  std::vector<Queue> queues_;  // one for each thread, the caller's first
  const bool spins_;  // with fewer cores than threads, who spins takes the time of who works
  const int64_t woken_ = spins_ ? 2 : 1;  // threads that one thread wakes
  Job job_{};
  std::exception_ptr error_;  // guarded by mutex_ while a job runs
  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  alignas(kCacheLine) std::atomic<int64_t> unclaimed_ = 0;
  alignas(kCacheLine) std::atomic<int64_t> unfinished_ = 0;
  alignas(kCacheLine) std::atomic<int64_t> sleepers_ = 0;
  std::atomic<bool> caller_sleeps_ = false, stopping_ = false;
};

struct Threads {
  int count = cores_available();
  std::unique_ptr<ThreadPool> pool;  // started by the first parallel_for that needs it
  std::mutex in_use;                 // held by the caller whose work the pool does
};

Threads& threads() {
  static Threads instance;
  return instance;
}

}  // namespace

int thread_count() {
  return threads().count;
}

void set_thread_count(int count) {
  if (count < 1 || count > 1024)
    fail(ErrorKind::usage, "the number of threads must be between 1 and 1024, got {}", count);
  if (count == threads().count) return;
  threads().pool.reset();
  threads().count = count;
}

void parallel_for(int64_t count, int64_t grain, RangeBody body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t parts = std::min<int64_t>(thread_count(), count / grain);
  if (parts <= 1 || inside_parallel_for) return body(0, count);
  const std::unique_lock claim(threads().in_use, std::try_to_lock);
  if (!claim) return body(0, count);

  if (!threads().pool) threads().pool = std::make_unique<ThreadPool>(thread_count());
  inside_parallel_for = true;
  struct Leave {
    ~Leave() { inside_parallel_for = false; }
  } leave;
  const int64_t whole = kChunksPerThread * parts;
  threads().pool->run(count, std::max(grain, (count + whole - 1) / whole), parts, body);
}

}  // namespace strata
