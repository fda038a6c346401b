#include "tensor/cores.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

// The microseconds a group may run in each period, over the period. Version 2 keeps both in one
// file, version 1 in two; "max", -1 and what cannot be read say that there is no limit.
double quota_of(const fs::path& group) {
  double quota = 0, period = 0;
  if (std::ifstream both(group / "cpu.max"); both)
    both >> quota >> period;
  else if (std::ifstream first(group / "cpu.cfs_quota_us"); first >> quota)
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period : kNoQuota;
}

// A limit holds for all below it. Inside a container the path may be the host's, which is not
// there: then what is mounted is the container's own group.
double quota_above(const fs::path& mount, const fs::path& path) {
  double least = kNoQuota;
  fs::path group = mount;
  for (const fs::path& part : path.relative_path()) {
    least = std::min(least, quota_of(group));
    group /= part;
  }
  return std::min(least, quota_of(group));
}

// Lines of the form ID:CONTROLLERS:PATH; version 2 names no controllers.
double quota_of_this_process(const fs::path& root) {
  double least = kNoQuota;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const fs::path mounts = root / "sys/fs/cgroup", path = line.substr(second + 1);
    if (controllers == ",,") least = std::min(least, quota_above(mounts, path));
    if (controllers.find(",cpu,") != std::string::npos)
      least = std::min(least, quota_above(mounts / "cpu", path));
  }
  return least;
}

int cores_of_affinity() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

int cores_available(const fs::path& root) {
  return static_cast<int>(
      std::min<double>(cores_of_affinity(), std::ceil(quota_of_this_process(root))));
}

}  // namespace strata
