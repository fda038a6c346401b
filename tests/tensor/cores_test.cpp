#include "tensor/cores.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace strata::test {
namespace {

namespace fs = std::filesystem;

// A tree with /proc and /sys of its own.
class CoresTest : public testing::Test {
 protected:
  CoresTest() { fs::remove_all(root_); }
  ~CoresTest() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  int cores() const { return cores_available(root_); }

 private:
  fs::path root_ = fs::path(testing::TempDir()) / ("strata_cores_" + std::to_string(getpid()));
};

int cores_of_affinity() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

TEST_F(CoresTest, AreThoseOfTheAffinityWithoutAQuota) {
  EXPECT_EQ(cores(), cores_of_affinity());
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), cores_of_affinity());
}

TEST_F(CoresTest, FollowTheAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int core = 0; CPU_COUNT(&one) == 0; ++core)
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_F(CoresTest, AreNeverMoreThanTheQuota) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(cores(), 1);
  write("sys/fs/cgroup/cpu.max", "20000 100000\n");  // a fifth of a core is still a thread
  EXPECT_EQ(cores(), 1);
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(cores(), std::min(2, cores_of_affinity()));
  write("sys/fs/cgroup/cpu.max", "10000000 100000\n");
  EXPECT_EQ(cores(), std::min(100, cores_of_affinity()));
}

TEST_F(CoresTest, AQuotaHoldsForAllGroupsBelow) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/cpu.max", "50000 50000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cores(), 1);
}

TEST_F(CoresTest, VersionOneKeepsQuotaAndPeriodApart) {
  write("proc/self/cgroup", "3:cpuset:/box\n2:cpu,cpuacct:/box\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), cores_of_affinity());
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(cores(), 1);
}

// A container of version 1 is told its path on the host, and sees its own group as the root.
TEST_F(CoresTest, APathThatIsNotThereIsTheHosts) {
  write("proc/self/cgroup", "2:cpu,cpuacct:/docker/0123456789\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), 1);
}

TEST_F(CoresTest, WhatMakesNoSenseIsNoQuota) {
  for (const char* groups : {"", "nonsense\n", "0:\n", "::\n", "0::/\n"}) {
    write("proc/self/cgroup", groups);
    for (const char* quota : {"", "nonsense", "0 0", "-5 100000", "100000"}) {
      write("sys/fs/cgroup/cpu.max", quota);
      EXPECT_EQ(cores(), cores_of_affinity()) << groups << quota;
    }
  }
}

}  // namespace
}  // namespace strata::test
