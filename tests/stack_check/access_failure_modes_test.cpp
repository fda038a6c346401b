// The failure modes of access and of the driver's library: missing nodes, library files of every
// bad kind, a driver that answers as told.
#include <filesystem>

#include "tests/stack_check/failure_mode.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDevice = "/sys/bus/pci/devices/0000:3b:00.0";

void first_on_path(FakeStack& stack, const fs::path& folder) {
  stack.environment["LD_LIBRARY_PATH"] = folder.string() + ":" + stack.libraries().string();
}

/// A copy of the driver's library in a folder of another name, which comes first.
void libcuda_in(FakeStack& stack, const std::string& folder) {
  const fs::path place = stack.folder(folder);
  fs::copy_file(stack.libraries() / "libcuda.so.1", place / "libcuda.so.1");
  first_on_path(stack, place);
}

void refuse_nodes(FakeStack& stack, const char* error) {
  stack.environment["LD_PRELOAD"] = FAKE_OPEN;
  stack.environment["FAKE_OPEN"] = error;
  stack.environment["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0";
  add_order(stack, "cuInit=999");
}

void wsl(FakeStack& stack) {
  stack.machine.file("/proc/version", "Linux version 5.15.90.1-microsoft-standard-WSL2\n");
  stack.machine.file("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
  stack.machine.remove(kDevice).remove("/sys/module/nvidia").remove("/proc/driver/nvidia");
  no_nodes(stack);
  stack.machine.file("/dev/dxg", "");
}

void held_by(FakeStack& stack, const char* pid) {
  stack.machine.link(std::string("/proc/") + pid + "/fd/5", "/dev/nvidia0");
  stack.environment["FAKE_FREE_MB"] = "20000";
}

const std::vector<FailureMode> kAccess = {
    {"2-PERM", "", 12, "ls -l /dev/nvidia*",
     [](FakeStack& stack) { refuse_nodes(stack, "EACCES"); }},
    {"2-CGROUP", "", 12, "docker restart CONTAINER",
     [](FakeStack& stack) { refuse_nodes(stack, "EPERM"); }, in_container},
    {"ANY-ERROR", "a_card_that_does_not_start", 11, "compute-sanitizer PROGRAM",
     [](FakeStack& stack) { refuse_nodes(stack, "EIO"); }},
    {"ANY-ERROR", "an_open_that_hangs", 11, "compute-sanitizer PROGRAM",
     [](FakeStack& stack) { refuse_nodes(stack, "hang"); }},
    {"2-NOPASS", "", 12, "docker run --gpus all ...",
     [](FakeStack& stack) {
       no_nodes(stack);
       stack.remove("libcuda.so.1");
       stack.remove("libnvidia-ml.so.1");
     },
     in_container},
    {"2-HOSTLIB", "", 1, "sudo apt install nvidia-driver-580",
     [](FakeStack& stack) { stack.remove("libnvidia-ml.so.1"); }},
    {"2-CAPS", "variable", 12, "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
     [](FakeStack& stack) {
       stack.environment["NVIDIA_DRIVER_CAPABILITIES"] = "utility";
       stack.remove("libcuda.so.1");
     },
     in_container},
    {"2-CAPS", "library", 12, "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
     [](FakeStack& stack) { stack.remove("libcuda.so.1"); }, in_container},
    {"2-WSL", "no_dxg", 12, "sudo apt purge 'nvidia-driver-*' 'libnvidia-compute-*'",
     [](FakeStack& stack) {
       stack.machine.remove("/dev/dxg");
       no_gpu_for_cuda(stack);
     },
     wsl},
    {"2-WSL", "no_device", 12, "sudo apt purge 'nvidia-driver-*' 'libnvidia-compute-*'",
     no_gpu_for_cuda, wsl},
    {"2-WSL", "no_library", 12, "sudo apt purge 'nvidia-driver-*' 'libnvidia-compute-*'",
     [](FakeStack& stack) { stack.remove("libcuda.so.1"); }, wsl},
    {"2-NODES", "", 12, "sudo nvidia-modprobe -c 0 -u",
     [](FakeStack& stack) {
       no_nodes(stack);
       no_gpu_for_cuda(stack);
     }},
};

const std::vector<FailureMode> kLibcuda = {
    {"3-NOLIB", "", 13, "sudo ldconfig", [](FakeStack& stack) { stack.remove("libcuda.so.1"); }},
    {"3-STUB", "loaded", 13, "grep stubs",
     [](FakeStack& stack) {
       libcuda_in(stack, "stubs");
       add_order(stack, "cuDriverGetVersion=34");
       add_order(stack, "cuInit=34");
     }},
    {"3-STUB", "on_the_path", 1, "grep stubs",
     [](FakeStack& stack) {
       const fs::path stubs = stack.folder("stubs");
       fs::copy_file(stack.libraries() / "libcuda.so.1", stubs / "libcuda.so");
       first_on_path(stack, stubs);
     }},
    {"3-BADFILE", "empty", 13, "dpkg -S FILE",
     [](FakeStack& stack) { stack.write("libcuda.so.1", ""); }},
    {"3-BADFILE", "text", 13, "dpkg -S FILE",
     [](FakeStack& stack) { stack.write("libcuda.so.1", "<html>404 Not Found</html>\n"); }},
    {"3-BADFILE", "truncated", 13, "dpkg -S FILE",
     [](FakeStack& stack) { fs::resize_file(stack.libraries() / "libcuda.so.580.65.06", 6000); }},
    {"3-BADFILE", "another_library", 13, "dpkg -S FILE",
     [](FakeStack& stack) {
       fs::remove(stack.libraries() / "libcuda.so.1");
       fs::create_symlink("libnvidia-ml.so.1", stack.libraries() / "libcuda.so.1");
     }},
    {"3-COMPAT", "", 13, "grep -r compat /etc/ld.so.conf.d",
     [](FakeStack& stack) {
       libcuda_in(stack, "compat");
       add_order(stack, "cuInit=804");
     }},
    {"3-HIDDEN", "empty", 13, "unset CUDA_VISIBLE_DEVICES",
     [](FakeStack& stack) { stack.environment["CUDA_VISIBLE_DEVICES"] = ""; }},
    {"3-HIDDEN", "seven", 13, "unset CUDA_VISIBLE_DEVICES",
     [](FakeStack& stack) { stack.environment["CUDA_VISIBLE_DEVICES"] = "7"; }},
    {"3-HIDDEN", "script_bug", 13, "unset CUDA_VISIBLE_DEVICES",
     [](FakeStack& stack) { stack.environment["CUDA_VISIBLE_DEVICES"] = "$0"; }},
    {"3-HIDDEN", "second", 1, "unset CUDA_VISIBLE_DEVICES",
     [](FakeStack& stack) { stack.environment["CUDA_VISIBLE_DEVICES"] = "0,9"; }},
    {"3-MIG", "", 13, "nvidia-smi mig -lgip",
     [](FakeStack& stack) {
       stack.environment["FAKE_MIG"] = "1";
       no_gpu_for_cuda(stack);
     }},
    {"3-BUSY", "", 13, "sudo nvidia-smi -c 0",
     [](FakeStack& stack) { add_order(stack, "cuDevicePrimaryCtxRetain=46"); }},
    {"3-OOM", "context", 13, "ulimit -v unlimited",
     [](FakeStack& stack) { add_order(stack, "cuDevicePrimaryCtxRetain=2"); }},
    {"3-OOM", "init", 13, "ulimit -v unlimited",
     [](FakeStack& stack) { add_order(stack, "cuInit=2"); }},
    {"3-OOM", "little_left", 13, "ulimit -v unlimited",
     [](FakeStack& stack) {
       stack.environment["FAKE_FREE_MB"] = "100";
       stack.environment["FAKE_HOLDER_PID"] = "4711";
     }},
    {"3-SHARED", "", 1, "nvidia-smi", [](FakeStack& stack) { held_by(stack, "4711"); }},
    {"ANY-CRASH", "libcuda", 13, "LD_LIBRARY_PATH",
     [](FakeStack& stack) { add_order(stack, "cuInit=crash"); }},
    {"ANY-CRASH", "abort", 13, "LD_LIBRARY_PATH",
     [](FakeStack& stack) { add_order(stack, "cuInit=abort"); }},
    {"ANY-HANG",
     "libcuda",
     13,
     "nvidia-smi",
     [](FakeStack& stack) { add_order(stack, "cuInit=hang"); },
     {},
     {"--quick", "--timeout", "1"}},
    {"ANY-ERROR", "libcuda", 13, "compute-sanitizer PROGRAM",
     [](FakeStack& stack) { add_order(stack, "cuInit=304"); }},
    {"ANY-WRONG", "libcuda", 13, "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) { stack.environment["FAKE_WRONG"] = "cuMemcpyDtoH"; }},
};

class AccessFailureTest : public FailureModeTest {};
TEST_P(AccessFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, AccessFailureTest, testing::ValuesIn(to_libcuda(kAccess)),
                         name_of_mode);

class LibcudaFailureTest : public FailureModeTest {};
TEST_P(LibcudaFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, LibcudaFailureTest, testing::ValuesIn(to_libcuda(kLibcuda)),
                         name_of_mode);

}  // namespace
}  // namespace strata::test
