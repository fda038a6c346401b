// The failure modes of the card and of the kernel driver: faults of trees under --root, with a
// driver that answers as it then does.
#include <filesystem>

#include "tests/stack_check/failure_mode.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDevice = "/sys/bus/pci/devices/0000:3b:00.0";
constexpr const char* kUbuntuModules = "/lib/modules/6.8.0-41-generic/updates";

std::string in_card(const char* file) {
  return std::string(kDevice) + file;
}

void bind(FakeStack& stack, const std::string& driver) {
  stack.machine.remove(in_card("/driver"))
      .link(in_card("/driver"), "../../../bus/pci/drivers/" + driver);
  stack.machine.remove("/proc/driver/nvidia/gpus/0000:3b:00.0").folder("/proc/driver/nvidia/gpus");
  no_gpu_for_cuda(stack);
}

/// The driver is loaded, but has taken no card.
void untaken(FakeStack& stack) {
  stack.machine.remove("/proc/driver/nvidia/gpus").folder("/proc/driver/nvidia/gpus");
  no_gpu_for_cuda(stack);
}

void unload(FakeStack& stack) {
  stack.machine.remove("/sys/module/nvidia")
      .remove("/sys/module/nvidia_uvm")
      .remove("/proc/driver/nvidia");
  stack.machine.folder("/sys/module").remove(in_card("/driver"));
  no_gpu_for_cuda(stack);
}

void card_is(FakeStack& stack, const char* device_id) {
  stack.machine.file(in_card("/device"), std::string(device_id) + "\n");
}

void proprietary(FakeStack& stack, const std::string& version) {
  stack.machine.file(
      "/proc/driver/nvidia/version",
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " + version + "  Sun May 12\n");
  stack.machine.file("/sys/module/nvidia/version", version + "\n");
}

void rename_libcuda(FakeStack& stack, const std::string& version) {
  fs::remove(stack.libraries() / "libcuda.so.1");
  fs::rename(stack.libraries() / "libcuda.so.580.65.06",
             stack.libraries() / ("libcuda.so." + version));
  fs::create_symlink("libcuda.so." + version, stack.libraries() / "libcuda.so.1");
}

const std::vector<FailureMode> kPci = {
    {"0-NOGPU", "", 10, "lspci -d 10de:",
     [](FakeStack& stack) {
       unload(stack);
       no_nodes(stack);
       stack.machine.remove(kDevice).folder("/sys/bus/pci/devices");
     }},
    {"0-NOUVEAU", "", 10, "/etc/modprobe.d/blacklist-nouveau.conf",
     [](FakeStack& stack) { bind(stack, "nouveau"); }},
    {"0-VFIO", "", 10, "lspci -D -d 10de:", [](FakeStack& stack) { bind(stack, "vfio-pci"); }},
    {"0-LOST", "config", 10, "sudo dmesg | grep -iE 'xid|fallen'",
     [](FakeStack& stack) {
       stack.machine.file(in_card("/config"), std::string(64, '\xff'));
       untaken(stack);
     }},
    {"0-LOST", "log", 10, "sudo dmesg | grep -iE 'xid|fallen'",
     [](FakeStack& stack) {
       stack.log("NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.");
       untaken(stack);
     }},
    {"0-BAR", "", 10, "Above 4G Decoding",
     [](FakeStack& stack) {
       stack.log("NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x22:0x56:884)");
       untaken(stack);
     }},
    {"0-POWER", "D3cold", 10, "sudo prime-select on-demand",
     [](FakeStack& stack) {
       stack.machine.file(in_card("/power_state"), "D3cold\n").remove(in_card("/driver"));
       untaken(stack);
     }},
    {"0-POWER", "prime", 10, "sudo prime-select on-demand",
     [](FakeStack& stack) {
       unload(stack);
       no_nodes(stack);
       stack.machine.remove(kDevice)
           .folder("/sys/bus/pci/devices")
           .file("/etc/prime-discrete", "off\n");
     }},
    {"0-PCIE", "", 1, "LnkCap:",
     [](FakeStack& stack) { stack.machine.file(in_card("/current_link_width"), "4\n"); }},
};

const std::vector<FailureMode> kDriver = {
    {"1-NOMOD", "none", 11, "sudo dkms autoinstall",
     [](FakeStack& stack) {
       unload(stack);
       stack.machine.remove(kUbuntuModules);
     }},
    {"1-NOMOD", "other_kernel", 11, "sudo dkms autoinstall",
     [](FakeStack& stack) {
       unload(stack);
       stack.machine.remove(kUbuntuModules)
           .file("/lib/modules/6.8.0-40-generic/updates/dkms/nvidia.ko", "m");
     }},
    {"1-DKMS", "log", 11, "sudo dkms autoinstall -k $(uname -r)",
     [](FakeStack& stack) {
       unload(stack);
       stack.machine.remove(kUbuntuModules)
           .file("/var/lib/dkms/nvidia/580.65.06/build/make.log",
                 "make: entering\nnv-mm.c:12:5: error: implicit declaration of function "
                 "'vma_start'\n");
     }},
    {"1-DKMS", "headers", 11, "sudo dkms autoinstall -k $(uname -r)",
     [](FakeStack& stack) {
       unload(stack);
       stack.machine.remove(kUbuntuModules).remove("/lib/modules/6.8.0-41-generic/build");
       stack.machine.file("/lib/modules/6.8.0-40-generic/updates/dkms/nvidia.ko", "m");
     }},
    {"1-SECBOOT", "variable", 11, "sudo mokutil --import",
     [](FakeStack& stack) {
       unload(stack);
       stack.machine.file(
           "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
           std::string("\x06\0\0\0\x01", 5));
     }},
    {"1-SECBOOT", "log", 11, "sudo mokutil --import",
     [](FakeStack& stack) {
       unload(stack);
       stack.log(
           "nvidia: Loading of module with unavailable key is rejected: Key was rejected by "
           "service");
     }},
    {"1-MISMATCH", "", 11, "sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia",
     [](FakeStack& stack) {
       rename_libcuda(stack, "580.95.05");
       add_order(stack, "cuInit=803");
     }},
    {"1-GSP", "", 11, "sudo apt install nvidia-driver-580",
     [](FakeStack& stack) {
       card_is(stack, "0x1b06");
       untaken(stack);
     }},
    {"1-LEGACY", "version", 11, "sudo apt install nvidia-driver-580",
     [](FakeStack& stack) {
       card_is(stack, "0x1b06");
       proprietary(stack, "590.44.01");
       rename_libcuda(stack, "590.44.01");
       untaken(stack);
     }},
    {"1-LEGACY", "log", 11, "sudo apt install nvidia-driver-580",
     [](FakeStack& stack) {
       stack.log(
           "NVRM: The NVIDIA GeForce GTX 1080 Ti GPU installed in this system is supported through "
           "the NVIDIA 580.xx Legacy drivers. The 590.44.01 NVIDIA driver will ignore this GPU.");
       unload(stack);
     }},
    {"1-NEEDOPEN", "", 11, "sudo apt install nvidia-driver-580-open",
     [](FakeStack& stack) {
       card_is(stack, "0x2b85");
       proprietary(stack, "580.65.06");
       untaken(stack);
     }},
    {"1-GSPFW", "", 11, "VBIOS",
     [](FakeStack& stack) {
       stack.log("NVRM: GPU0 kgspInitRm_IMPL: Cannot initialize GSP firmware RM");
       untaken(stack);
     }},
    {"1-UVM", "unknown", 11, "sudo modprobe nvidia-uvm",
     [](FakeStack& stack) {
       stack.machine.remove("/sys/module/nvidia_uvm").remove("/dev/nvidia-uvm");
       add_order(stack, "cuInit=999");
     }},
    {"1-UVM", "no_device", 11, "sudo modprobe nvidia-uvm",
     [](FakeStack& stack) {
       stack.machine.remove("/dev/nvidia-uvm");
       no_gpu_for_cuda(stack);
     }},
    {"1-SUSPEND", "", 11, "sudo fuser -v /dev/nvidia*",
     [](FakeStack& stack) {
       stack.log("PM: suspend entry (deep)");
       stack.log("PM: suspend exit");
       add_order(stack, "cuInit=999");
     }},
    {"1-HMM", "code", 11, "uvm_disable_hmm=1",
     [](FakeStack& stack) { add_order(stack, "cuInit=3"); }},
    {"1-HMM", "log", 11, "uvm_disable_hmm=1",
     [](FakeStack& stack) {
       stack.log("nvidia-uvm: request_free_mem_region() err -34");
       add_order(stack, "cuInit=1");
     }},
    {"1-FABRIC", "", 11, "nvidia-fabricmanager-580",
     [](FakeStack& stack) {
       stack.machine.file("/sys/bus/pci/devices/0000:c1:00.0/vendor", "0x10de\n")
           .file("/sys/bus/pci/devices/0000:c1:00.0/device", "0x22a3\n")
           .file("/sys/bus/pci/devices/0000:c1:00.0/class", "0x068000\n");
       add_order(stack, "cuInit=802");
     }},
    {"1-ECC", "code", 11, "sudo nvidia-smi --gpu-reset -i 0",
     [](FakeStack& stack) { add_order(stack, "cuDevicePrimaryCtxRetain=214"); }},
    {"1-ECC", "nvml", 1, "sudo nvidia-smi --gpu-reset -i 0",
     [](FakeStack& stack) { stack.environment["FAKE_REMAP_PENDING"] = "1"; }},
    {"1-XID", "", 1, "sudo dmesg | grep -i xid",
     [](FakeStack& stack) { stack.log("NVRM: Xid (PCI:0000:3b:00): 31, pid=1234, name=python"); }},
    {"1-HOT", "", 1, "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,CLOCK",
     [](FakeStack& stack) { stack.environment["FAKE_THROTTLE"] = "thermal (hardware)"; }},
};

class PciFailureTest : public FailureModeTest {};
TEST_P(PciFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, PciFailureTest, testing::ValuesIn(to_libcuda(kPci)), name_of_mode);

class DriverFailureTest : public FailureModeTest {};
TEST_P(DriverFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, DriverFailureTest, testing::ValuesIn(to_libcuda(kDriver)),
                         name_of_mode);

}  // namespace
}  // namespace strata::test
