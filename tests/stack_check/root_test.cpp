#include "tools/stack_check/system/root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/stack_check/fake_machine.h"

namespace strata::test {
namespace {

using stack_check::Root;
using Names = std::vector<std::string>;

TEST(RootTest, ReadsAtMostTheLimit) {
  FakeMachine machine;
  machine.file("/var/log/kern.log", "first line\nlast line\n");
  const Root root = machine.root();
  EXPECT_EQ(root.read("/var/log/kern.log"), "first line\nlast line\n");
  EXPECT_EQ(root.read("/var/log/kern.log", 5), "first");
  EXPECT_EQ(root.read_end("/var/log/kern.log", 5), "line\n");
  EXPECT_EQ(root.read_end("/var/log/kern.log", 500), "first line\nlast line\n");
  EXPECT_EQ(root.line("/var/log/kern.log"), "first line\nlast line");
}

TEST(RootTest, WhatCannotBeReadIsNone) {
  FakeMachine machine;
  machine.folder("/proc/driver");
  ASSERT_EQ(mkfifo(machine.place("/proc/version").c_str(), 0600), 0);
  const Root root = machine.root();
  EXPECT_EQ(root.read("/proc/absent"), std::nullopt);
  EXPECT_EQ(root.read("/proc/driver"), std::nullopt);
  EXPECT_EQ(root.read("/proc/version"), std::nullopt) << "must not wait for a writer";
  EXPECT_EQ(root.list("/proc/absent"), std::nullopt);
  EXPECT_EQ(root.line("/proc/absent"), "");
  EXPECT_TRUE(root.exists("/proc/version"));
  EXPECT_FALSE(root.exists("/proc/absent"));
}

TEST(RootTest, ListsNamesInOrder) {
  FakeMachine machine;
  machine.file("/dev/b", "").file("/dev/a", "").folder("/dev/c");
  EXPECT_EQ(machine.root().list("/dev"), (Names{"a", "b", "c"}));
}

TEST(RootTest, FollowsNoPathOutOfTheRoot) {
  FakeMachine outside;
  outside.file("/secret", "outside");
  const std::string secret = outside.place("/secret").string();
  FakeMachine machine;
  machine.link("/etc/absolute", secret)
      .link("/etc/up", "../../../../../../../../" + secret)
      .link("/etc/folder", outside.place("/secret").parent_path().string());
  const Root root = machine.root();
  for (const std::string path : {"/etc/absolute", "/etc/up", "/etc/folder/secret"}) {
    EXPECT_EQ(root.read(path), std::nullopt) << path;
    EXPECT_FALSE(root.exists(path)) << path;
  }
  EXPECT_EQ(root.list("/etc/folder"), std::nullopt);
  EXPECT_EQ(root.read("/../../../../../.." + secret), std::nullopt);
}

TEST(RootTest, AbsoluteLinksStartAtTheRoot) {
  FakeMachine machine;
  machine.file("/usr/lib/os-release", "NAME=here").link("/etc/os-release", "/usr/lib/os-release");
  machine.link("/lib", "usr/lib").link("/bin", "/../../usr/./lib");
  const Root root = machine.root();
  EXPECT_EQ(root.line("/etc/os-release"), "NAME=here");
  EXPECT_EQ(root.line("/lib/os-release"), "NAME=here");
  EXPECT_EQ(root.line("/bin/../lib/os-release"), "NAME=here");
}

TEST(RootTest, LinksThatGoRoundLeadNowhere) {
  FakeMachine machine;
  machine.link("/a", "/b").link("/b", "/a").link("/self", "self/self");
  EXPECT_FALSE(machine.root().exists("/a"));
  EXPECT_EQ(machine.root().read("/self"), std::nullopt);
}

TEST(RootTest, TellsWhereALinkPoints) {
  FakeMachine machine;
  machine.link("/sys/device/driver", "../../bus/pci/drivers/nvidia").file("/sys/plain", "");
  EXPECT_EQ(machine.root().link_name("/sys/device/driver"), "nvidia") << "though it dangles";
  EXPECT_EQ(machine.root().link_target("/sys/device/driver"), "../../bus/pci/drivers/nvidia");
  EXPECT_EQ(machine.root().link_name("/sys/plain"), "");
}

TEST(RootTest, TheRealRootReadsFilesWithoutASize) {
  const Root root;
  EXPECT_TRUE(root.is_real());
  EXPECT_TRUE(Root("/../.").is_real());
  EXPECT_NE(root.line("/proc/self/comm"), "");
  EXPECT_EQ(root.read("/dev/zero"), std::nullopt) << "a device";
  EXPECT_EQ(root.path("/proc/self/fd"), "/proc/self/fd");
}

}  // namespace
}  // namespace strata::test
