#include <gtest/gtest.h>

#include "tests/stack_check/fake_machine.h"
#include "tools/stack_check/system/kernel_log_text.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Lines = std::vector<std::string>;
using Numbers = std::vector<int>;

KernelLog log_with(const std::string& file, const std::string& content) {
  FakeMachine machine;
  machine.file(file, content);
  return read_kernel_log(machine.root());
}

TEST(KernelLogTest, NoLogIsNotAnEmptyOne) {
  EXPECT_FALSE(read_kernel_log(FakeMachine().root()).readable);
  EXPECT_TRUE(log_with("/dev/kmsg", "").readable);
  EXPECT_FALSE(log_with("/var/log/syslog", "").readable);
  EXPECT_FALSE(log_with("/var/log/syslog", "Jul 1 10:00:00 host cron[1]: nvidia\n").readable);
}

TEST(KernelLogTest, KeepsWhatBearsOnTheGpu) {
  const KernelLog log = log_with("/dev/kmsg",
                                 "5,0,0,-;Linux version 6.8.0\n"
                                 "4,871,563988,-;nvidia-nvlink: Nvlink Core is being initialized\n"
                                 " SUBSYSTEM=pci\n DEVICE=+pci:nvidia\n"
                                 "6,872,563990,-;usb 1-1: new device\n"
                                 "3,873,993990,c;NVRM: GPU has fallen off the bus.\n");
  EXPECT_TRUE(log.readable);
  EXPECT_EQ(log.lines, (Lines{"nvidia-nvlink: Nvlink Core is being initialized",
                              "NVRM: GPU has fallen off the bus."}));
  EXPECT_EQ(log.find("FALLEN off the bus"), "NVRM: GPU has fallen off the bus.");
  EXPECT_EQ(log.find("usb 1-1"), "");
  EXPECT_FALSE(log.suspended);
  EXPECT_EQ(log.xids, Numbers{});
}

TEST(KernelLogTest, XidsOfBothKinds) {
  const KernelLog log = log_with(
      "/dev/kmsg",
      "3,1,1,-;NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen\n"
      "3,2,1,-;NVRM: Xid (PCI:0000:01:00): 31, Ch 00000010, engmask 00000101\n"
      "3,3,9,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=12\n"
      "3,4,9,-;NVRM: Xid (PCI:0000:3b:00): none\n3,5,10,-;NVRM: Xid (PCI\n");
  EXPECT_EQ(log.xids, (Numbers{79, 31}));
  EXPECT_EQ(log.lines.size(), 5u) << "each Xid is a line of its own";
}

TEST(KernelLogTest, AMessageCutIntoLinesIsOneAgain) {
  const std::string whole =
      "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1c82) installed in this system is not "
      "supported by open nvidia.ko because it does not include the required GPU System Processor";
  const KernelLog escaped = log_with(
      "/dev/kmsg",
      "3,9,77,-;NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1c82)\\x0aNVRM: installed in this "
      "system is not supported by open\\x0aNVRM: nvidia.ko because it does not include the "
      "required GPU\\x0aNVRM: System Processor\n");
  EXPECT_EQ(escaped.lines, Lines{whole});
  const KernelLog cut = log_with(
      "/var/log/kern.log",
      "Jul  1 10:00:00 h kernel: [   12.5] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1c82)\n"
      "Jul  1 10:00:00 h kernel: [   12.5] NVRM: installed in this system is not supported by "
      "open\n"
      "Jul  1 10:00:00 h kernel: [   12.5] NVRM: nvidia.ko because it does not include the "
      "required GPU\n"
      "Jul  1 10:00:00 h kernel: [   12.5] NVRM: System Processor\n"
      "Jul  1 10:00:00 h kernel: [   12.6] NVRM: another\n");
  EXPECT_EQ(cut.lines, (Lines{whole, "NVRM: another"}));
}

TEST(KernelLogTest, ASystemLogCountsFromTheLastStart) {
  const KernelLog log = log_with(
      "/var/log/messages",
      "2026-07-01T09:00:00.5+00:00 h kernel: NVRM: Xid (PCI:0000:3b:00): 48, pid=1\n"
      "2026-07-01T09:30:00.5+00:00 h systemd-sleep[99]: Entering sleep state 'suspend'...\n"
      "2026-07-01T10:00:00.5+00:00 h kernel: Linux version 6.8.0-41-generic (buildd@x)\n"
      "2026-07-01T10:00:09.5+00:00 h kernel: NVRM: Xid (PCI:0000:3b:00): 63, pid=1\n");
  EXPECT_TRUE(log.readable);
  EXPECT_EQ(log.xids, Numbers{63});
  EXPECT_FALSE(log.suspended);
}

TEST(KernelLogTest, KnowsThatTheMachineSlept) {
  EXPECT_TRUE(log_with("/dev/kmsg", "6,1,1,-;PM: suspend entry (deep)\n").suspended);
  EXPECT_TRUE(log_with("/var/log/dmesg", "[  99.1] PM: suspend exit\n").suspended);
  EXPECT_TRUE(log_with("/var/log/syslog",
                       "Jul 1 10:00:00 h kernel: [1.0] nvidia: loading\n"
                       "Jul 1 11:00:00 h systemd-sleep[99]: Suspending system...\n")
                  .suspended);
}

TEST(KernelLogTest, OnlyTheServiceItselfTellsOfSleep) {
  EXPECT_TRUE(parse_log_file("[1.0] nvidia\nx SYSTEMD-sleep\n").size() == 1);
}

TEST(KernelLogTest, ReadsTheEndOfALongLog) {
  std::string text;
  while (text.size() < (5 << 20)) text += "[ 1.5] NVRM: Xid (PCI:0000:3b:00): 13, pid=1\n";
  const KernelLog log = log_with("/var/log/kern.log", text + "[ 2.5] NVRM: the end\n");
  EXPECT_EQ(log.find("the end"), "NVRM: the end");
  EXPECT_EQ(log.xids, Numbers{13});
}

}  // namespace
}  // namespace strata::test
