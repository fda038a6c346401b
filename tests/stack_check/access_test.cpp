#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "tests/stack_check/fake_machine.h"
#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Errors = std::map<std::string, int>;

Errors errors_of(const FakeMachine& machine) {
  Errors errors;
  for (const DeviceNode& node : read_access(machine.root()).nodes) errors[node.path] = node.error;
  return errors;
}

/// Acts as an ordinary user while it lives: the superuser may open anything.
class OrdinaryUser {
 public:
  OrdinaryUser() : changed_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~OrdinaryUser() {
    if (changed_ && seteuid(0) != 0) std::abort();
  }

 private:
  bool changed_;
};

TEST(AccessTest, OpensEveryNodeThatIsThere) {
  FakeMachine machine;
  for (const char* name : {"nvidiactl", "nvidia-uvm", "nvidia0", "nvidia12", "nvidia-modeset",
                           "nvidia-uvm-tools", "nvidia0x", "nvram"})
    machine.file(std::string("/dev/") + name, "");
  EXPECT_EQ(errors_of(machine), (Errors{{"/dev/nvidiactl", 0},
                                        {"/dev/nvidia-uvm", 0},
                                        {"/dev/nvidia0", 0},
                                        {"/dev/nvidia12", 0}}));
}

TEST(AccessTest, MissingNodesAreReported) {
  FakeMachine machine;
  EXPECT_EQ(errors_of(machine), (Errors{{"/dev/nvidiactl", ENOENT}, {"/dev/nvidia-uvm", ENOENT}}));
}

TEST(AccessTest, TellsWhyANodeCannotBeOpened) {
  FakeMachine machine;
  machine.file("/dev/nvidiactl", "").file("/dev/nvidia-uvm", "").folder("/dev/nvidia0");
  std::filesystem::permissions(machine.place("/dev").parent_path(), std::filesystem::perms(0755));
  std::filesystem::permissions(machine.place("/dev/nvidiactl"), std::filesystem::perms(0));
  std::filesystem::permissions(machine.place("/dev/nvidia-uvm"), std::filesystem::perms(0666));
  const OrdinaryUser user;
  EXPECT_EQ(errors_of(machine),
            (Errors{{"/dev/nvidiactl", EACCES}, {"/dev/nvidia-uvm", 0}, {"/dev/nvidia0", EISDIR}}));
}

TEST(AccessTest, WaitsForNobodyAndChangesNothing) {
  FakeMachine machine;
  machine.file("/dev/nvidiactl", "content");
  ASSERT_EQ(mkfifo(machine.place("/dev/nvidia0").c_str(), 0600), 0);
  EXPECT_EQ(errors_of(machine)["/dev/nvidia0"], 0);
  EXPECT_EQ(machine.root().read("/dev/nvidiactl"), "content");
}

TEST(AccessTest, WslHasItsOwnNode) {
  FakeMachine machine;
  machine.file("/proc/version", "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)\n");
  const Access without = read_access(machine.root());
  EXPECT_TRUE(without.wsl);
  EXPECT_FALSE(without.dxg);
  EXPECT_EQ(errors_of(machine), (Errors{{"/dev/dxg", ENOENT}}));
  machine.file("/dev/dxg", "");
  EXPECT_TRUE(read_access(machine.root()).dxg);
  EXPECT_EQ(errors_of(machine), (Errors{{"/dev/dxg", 0}}));
}

TEST(AccessTest, WslByTheNameOfItsKernelInAnyCase) {
  FakeMachine machine;
  machine.file("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n");
  EXPECT_TRUE(read_access(machine.root()).wsl);
  machine.file("/proc/sys/kernel/osrelease", "6.8.0-41-generic\n");
  EXPECT_FALSE(read_access(machine.root()).wsl);
}

TEST(AccessTest, ContainersByTheirMarks) {
  const auto container = [](const std::string& file, const std::string& content) {
    FakeMachine machine;
    machine.file(file, content);
    return read_access(machine.root()).container;
  };
  EXPECT_EQ(container("/.dockerenv", ""), "docker");
  EXPECT_EQ(container("/run/.containerenv", ""), "podman");
  EXPECT_EQ(container("/run/systemd/container", "lxc\n"), "lxc");
  EXPECT_EQ(container("/run/systemd/container", "systemd-nspawn\n"), "container");
  EXPECT_EQ(container("/var/run/secrets/kubernetes.io/serviceaccount/token", ""), "kubernetes");
  EXPECT_EQ(container("/proc/1/cgroup", "0::/kubepods.slice/pod1/cri-containerd-2\n"),
            "kubernetes");
  EXPECT_EQ(container("/proc/1/cgroup", "12:cpu:/docker/0123abcd\n"), "docker");
  EXPECT_EQ(container("/proc/1/cgroup", "0::/lxc.payload/init\n"), "lxc");
  EXPECT_EQ(container("/proc/1/cgroup", "0::/init.scope\n"), "");
  EXPECT_EQ(container("/run/systemd/container", "wsl\n"), "");
}

TEST(AccessTest, KubernetesOutranksTheRuntimeBelowIt) {
  FakeMachine machine;
  machine.file("/.dockerenv", "").file("/proc/1/cgroup", "1:cpu:/kubepods/besteffort/pod1\n");
  EXPECT_EQ(read_access(machine.root()).container, "kubernetes");
}

TEST(AccessTest, TheEnvironmentIsThisMachinesOnly) {
  FakeMachine machine;
  setenv("container", "podman", 1);
  EXPECT_EQ(read_access(machine.root()).container, "");
  unsetenv("container");
}

TEST(AccessTest, SharedMemory) {
  FakeMachine machine;
  EXPECT_EQ(read_access(machine.root()).shm_bytes, std::nullopt);
  EXPECT_FALSE(read_access(machine.root()).shm_writable);
  machine.folder("/dev/shm");
  const Access access = read_access(machine.root());
  EXPECT_GT(access.shm_bytes.value_or(0), 0u);
  EXPECT_TRUE(access.shm_writable);
  EXPECT_TRUE(std::filesystem::is_empty(machine.place("/dev/shm")));
}

TEST(AccessTest, ProcessesThatHoldTheCard) {
  FakeMachine machine;
  machine.link("/proc/12/fd/0", "/dev/null").link("/proc/12/fd/7", "/dev/nvidia0");
  machine.link("/proc/12/fd/8", "/dev/nvidia0").link("/proc/13/fd/3", "/dev/nvidiactl");
  machine.link("/proc/14/fd/3", "/tmp/nvidia0").link("/proc/self/fd/3", "/dev/nvidia0");
  machine.link("/proc/99999999999999999999/fd/3", "/dev/nvidia0");
  machine.link("/proc/2000/fd/255", "/dev/nvidia3");
  EXPECT_EQ(holders_of_gpus(machine.root()), (std::vector<int>{12, 2000}));
}

TEST(MachineTest, NamesAndPowerSettings) {
  FakeMachine machine;
  machine.file("/etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  machine.file("/proc/sys/kernel/hostname", "node7\n");
  machine.file("/etc/prime-discrete", "on\n").file("/proc/acpi/bbswitch", "0000:01:00.0 ON\n");
  EXPECT_TRUE(read_machine(machine.root()).dgpu_power.empty());
  machine.file("/etc/prime-discrete", "off\n").file("/proc/acpi/bbswitch", "0000:01:00.0 OFF\n");
  machine.file("/etc/prime/current_type", "intel\n");
  const Machine found = read_machine(machine.root());
  EXPECT_EQ(found.distribution, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(found.host_name, "node7");
  EXPECT_EQ(found.dgpu_power, (std::vector<std::string>{"/etc/prime-discrete: off",
                                                        "/proc/acpi/bbswitch: 0000:01:00.0 OFF",
                                                        "/etc/prime/current_type: intel"}));
}

TEST(MachineTest, ThisMachineCanBeRead) {
  const Machine machine = read_machine(Root());
  EXPECT_NE(machine.driver.kernel, "");
  EXPECT_GE(machine.access.nodes.size(), 1u);
}

}  // namespace
}  // namespace strata::test
