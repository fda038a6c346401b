// Whether CPU kernels share their work among threads.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "tensor/parallel.h"

namespace strata::test {

class ThreadCountScope {
 public:
  explicit ThreadCountScope(int count) : previous_(thread_count()) { set_thread_count(count); }
  ~ThreadCountScope() { set_thread_count(previous_); }
  ThreadCountScope(const ThreadCountScope&) = delete;
  ThreadCountScope& operator=(const ThreadCountScope&) = delete;

 private:
  int previous_;
};

inline std::set<std::string> threads_of_this_process() {
  std::set<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    ids.insert(entry.path().filename());
  return ids;
}

/// Whether `work`, without oneDNN, cuts anything for several threads: the first call of
/// parallel_for that does starts them. Ids tell them from those of the last number, which may still
/// be ending.
template <class Work>
bool runs_on_several_threads(Work&& work) {
  const ThreadCountScope one(1);
  const ThreadCountScope three(3);
  const std::set<std::string> before = threads_of_this_process();
  work();
  for (const std::string& id : threads_of_this_process())
    if (!before.contains(id)) return true;
  return false;
}

}  // namespace strata::test
