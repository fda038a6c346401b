#include "tensor/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "tensor/error.h"

namespace strata {
namespace {

// One parallel_for: threads take chunks until none is left.
struct Job {
  const std::function<void(int64_t, int64_t)>& body;
  int64_t count, chunk;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;

  void work() {
    for (int64_t begin; (begin = next.fetch_add(chunk)) < count;) {
      try {
        body(begin, std::min(begin + chunk, count));
      } catch (...) {
        std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
    }
  }
};

class ThreadPool {
 public:
  explicit ThreadPool(int workers) {
    try {
      for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
      stop();
      fail(ErrorKind::usage, "only {} of {} threads can be started here; use fewer (--threads)",
           workers_.size() + 1, workers + 1);
    }
  }

  ~ThreadPool() { stop(); }

  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void run(Job& job) {
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      busy_ = static_cast<int>(workers_.size());
      ++generation_;
    }
    wake_.notify_all();
    job.work();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return busy_ == 0; });
    job_ = nullptr;
  }

 private:
  void serve() {
    uint64_t seen = 0;
    for (;;) {
      Job* job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        job = job_;
      }
      job->work();
      std::lock_guard lock(mutex_);
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  Job* job_ = nullptr;
  uint64_t generation_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
};

int cores_available() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency());
}

struct Threads {
  int count = cores_available();
  std::unique_ptr<ThreadPool> pool;  // started by the first parallel_for that needs it
  std::mutex in_use;                 // held by the caller whose work the pool does
};

Threads& threads() {
  static Threads instance;
  return instance;
}

thread_local bool inside_parallel_for = false;

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

void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& body) {
  if (count <= 0) return;
  const int64_t parts = std::min<int64_t>(thread_count(), count / std::max<int64_t>(grain, 1));
  if (parts <= 1 || inside_parallel_for) return body(0, count);
  const std::unique_lock claim(threads().in_use, std::try_to_lock);
  if (!claim) return body(0, count);

  // Four chunks a thread even out unequal cores; a chunk is never smaller than the grain.
  const int64_t chunk = std::max(grain, (count + 4 * parts - 1) / (4 * parts));
  const std::function<void(int64_t, int64_t)> guarded = [&](int64_t begin, int64_t end) {
    inside_parallel_for = true;
    struct Leave {
      ~Leave() { inside_parallel_for = false; }
    } leave;
    body(begin, end);
  };
  if (!threads().pool) threads().pool = std::make_unique<ThreadPool>(thread_count() - 1);
  Job job{guarded, count, chunk, {}, {}, {}};
  threads().pool->run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace strata
