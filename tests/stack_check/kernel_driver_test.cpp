#include <gtest/gtest.h>

#include <chrono>

#include "tests/stack_check/fake_machine.h"
#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::test {
namespace {

using namespace stack_check;
using Names = std::vector<std::string>;

const std::string kOpenLine =
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (a@b)\n"
    "GCC version:  gcc version 15.3.0 (GCC)\n";
const std::string kClosedLine =
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n";

TEST(KernelDriverTest, NothingIsClaimedOfAMachineThatShowsNothing) {
  FakeMachine machine;
  const KernelDriver driver = read_kernel_driver(machine.root());
  EXPECT_FALSE(driver.modules_visible || driver.loaded || driver.uvm_loaded ||
               driver.nouveau_loaded || driver.module_folder_visible || driver.on_disk ||
               driver.headers_missing || driver.gpu_list_visible || driver.fabric_manager_running);
  EXPECT_EQ(driver.version + driver.kernel + driver.dkms_error, "");
  EXPECT_EQ(driver.open_flavour, std::nullopt);
  EXPECT_EQ(driver.secure_boot, std::nullopt);
}

TEST(KernelDriverTest, ALoadedDriver) {
  FakeMachine machine;
  machine.file("/sys/module/nvidia/version", "580.159.04\n").folder("/sys/module/nvidia_uvm");
  machine.file("/proc/driver/nvidia/version", kOpenLine);
  machine.folder("/proc/driver/nvidia/gpus/0000:3b:00.0");
  machine.file("/proc/sys/kernel/osrelease", "6.8.0-41-generic\n");
  const KernelDriver driver = read_kernel_driver(machine.root());
  EXPECT_TRUE(driver.modules_visible && driver.loaded && driver.uvm_loaded);
  EXPECT_FALSE(driver.nouveau_loaded);
  EXPECT_EQ(driver.version, "580.159.04");
  EXPECT_EQ(driver.open_flavour, true);
  EXPECT_EQ(driver.kernel, "6.8.0-41-generic");
  EXPECT_TRUE(driver.gpu_list_visible);
  EXPECT_EQ(driver.gpus, Names{"0000:3b:00.0"});
}

TEST(KernelDriverTest, ProcAloneTellsVersionAndFlavour) {
  FakeMachine machine;
  machine.file("/proc/driver/nvidia/version", kClosedLine);
  const KernelDriver driver = read_kernel_driver(machine.root());
  EXPECT_TRUE(driver.loaded);
  EXPECT_FALSE(driver.modules_visible);
  EXPECT_EQ(driver.version, "535.183.01");
  EXPECT_EQ(driver.open_flavour, false);
}

TEST(KernelDriverTest, NvrmLines) {
  EXPECT_EQ(parse_nvrm_version(kOpenLine).version, "580.159.04");
  EXPECT_EQ(parse_nvrm_version("GCC version:  gcc version 15.3.0\n").version, "");
  EXPECT_EQ(parse_nvrm_version("").open_flavour, std::nullopt);
  EXPECT_EQ(parse_nvrm_version("NVRM version: NVIDIA").open_flavour, std::nullopt);
  EXPECT_EQ(parse_nvrm_version("NVRM version: NVIDIA UNIX Kernel Module").version, "");
}

TEST(KernelDriverTest, TheOtherDriversOfTheCard) {
  for (const char* module : {"nouveau", "nova_core"}) {
    FakeMachine machine;
    machine.folder(std::string("/sys/module/") + module);
    EXPECT_TRUE(read_kernel_driver(machine.root()).nouveau_loaded) << module;
  }
}

TEST(KernelDriverTest, FindsTheModuleWhereverItLies) {
  for (const char* place :
       {"updates/dkms/nvidia.ko", "kernel/drivers/video/nvidia.ko.xz", "extra/nvidia.ko.zst",
        "kernel/nvidia-580/nvidia.ko", "updates/dkms/nvidia-current.ko.gz"}) {
    FakeMachine machine;
    machine.file("/proc/sys/kernel/osrelease", "6.8.0\n");
    machine.file(std::string("/usr/lib/modules/6.8.0/") + place, "").link("/lib", "usr/lib");
    const KernelDriver driver = read_kernel_driver(machine.root());
    EXPECT_TRUE(driver.module_folder_visible && driver.on_disk) << place;
    EXPECT_EQ(driver.on_disk_for, Names{}) << place;
  }
}

TEST(KernelDriverTest, AModuleForAnotherKernelIsNotOneForThis) {
  FakeMachine machine;
  machine.file("/proc/version", "Linux version 6.8.0-41-generic (buildd@x) (gcc 13) #41\n");
  machine.file("/lib/modules/6.8.0-41-generic/kernel/drivers/net/nvidia.kox", "")
      .file("/lib/modules/6.8.0-41-generic/kernel/sound/nvidia-drm.ko", "")
      .file("/lib/modules/6.8.0-40-generic/updates/dkms/nvidia.ko", "");
  const KernelDriver driver = read_kernel_driver(machine.root());
  EXPECT_EQ(driver.kernel, "6.8.0-41-generic");
  EXPECT_TRUE(driver.module_folder_visible);
  EXPECT_FALSE(driver.on_disk);
  EXPECT_EQ(driver.on_disk_for, Names{"6.8.0-40-generic"});
}

TEST(KernelDriverTest, FoldersThatHoldThemselvesEndTheSearch) {
  FakeMachine machine;
  machine.file("/proc/sys/kernel/osrelease", "6.8.0");
  for (const char* name : {"a", "b", "c", "d", "e", "f"})
    machine.link(std::string("/lib/modules/6.8.0/") + name, ".");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(read_kernel_driver(machine.root()).on_disk);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(KernelDriverTest, HeadersAreMissingWhenTheirLinkDangles) {
  FakeMachine machine;
  machine.file("/proc/sys/kernel/osrelease", "6.8.0").folder("/lib/modules/6.8.0");
  EXPECT_TRUE(read_kernel_driver(machine.root()).headers_missing);
  machine.link("/lib/modules/6.8.0/build", "/usr/src/linux-headers-6.8.0");
  EXPECT_TRUE(read_kernel_driver(machine.root()).headers_missing);
  machine.folder("/usr/src/linux-headers-6.8.0");
  EXPECT_FALSE(read_kernel_driver(machine.root()).headers_missing);
}

TEST(KernelDriverTest, TheNewestLogOfDkmsSaysWhyItFailed) {
  FakeMachine machine;
  const std::string old_log = "/var/lib/dkms/nvidia/535.183.01/build/make.log";
  const std::string new_log = "/var/lib/dkms/nvidia-srv/580.95.05/build/make.log";
  machine.file(old_log, "conftest.c:1: error: old\n");
  machine.file(new_log,
               "  CC [M] nv.o\nnv-mmap.c:7:5: error: too few arguments\n"
               "make[2]: *** [nv-mmap.o] Error 1\nmake: *** [modules] Error 2\n");
  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(machine.place(old_log), now - std::chrono::hours(24));
  std::filesystem::last_write_time(machine.place(new_log), now);
  EXPECT_EQ(read_kernel_driver(machine.root()).dkms_error,
            "nv-mmap.c:7:5: error: too few arguments");
  std::filesystem::last_write_time(machine.place(old_log), now + std::chrono::hours(24));
  EXPECT_EQ(read_kernel_driver(machine.root()).dkms_error, "conftest.c:1: error: old");
}

TEST(KernelDriverTest, TheLineThatSaysWhyABuildFailed) {
  EXPECT_EQ(
      failing_line("a\n kernel headers for kernel 6.8 cannot be found at /lib/modules\nError!"),
      "kernel headers for kernel 6.8 cannot be found at /lib/modules");
  EXPECT_EQ(failing_line("make[1]: *** [all] Error 2\nCompiler version check failed:\n"),
            "Compiler version check failed:");
  EXPECT_EQ(failing_line("bad exit status: 2\n"), "bad exit status: 2");
  EXPECT_EQ(failing_line("make[1]: *** [Makefile:99: all] Error 2\nbad exit status: 2"),
            "make[1]: *** [Makefile:99: all] Error 2");
  EXPECT_EQ(failing_line("  CC [M] nv.o\n  LD [M] nvidia.ko\n"), "");
  EXPECT_EQ(failing_line("error: " + std::string(10'000, 'x')).size(), 300u);
}

TEST(KernelDriverTest, SecureBootIsTheLastOfFiveBytes) {
  const std::string variable =
      "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  const auto secure_boot = [&](const std::string& bytes) {
    FakeMachine machine;
    machine.file(variable, bytes);
    return read_kernel_driver(machine.root()).secure_boot;
  };
  EXPECT_EQ(secure_boot(std::string("\6\0\0\0\1", 5)), true);
  EXPECT_EQ(secure_boot(std::string("\6\0\0\0\0", 5)), false);
  EXPECT_EQ(secure_boot(std::string("\6\0\0\0", 4)), std::nullopt);
  EXPECT_EQ(secure_boot(std::string("\6\0\0\0\7", 5)), std::nullopt);
}

TEST(KernelDriverTest, TheFabricManagerIsKnownByItsCutName) {
  FakeMachine machine;
  machine.file("/proc/1/comm", "systemd\n").file("/proc/self/comm", "nv-fabricmanage\n");
  EXPECT_FALSE(read_kernel_driver(machine.root()).fabric_manager_running);
  machine.file("/proc/4711/comm", "nv-fabricmanage\n");
  EXPECT_TRUE(read_kernel_driver(machine.root()).fabric_manager_running);
}

}  // namespace
}  // namespace strata::test
