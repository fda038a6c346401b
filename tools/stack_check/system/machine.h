// What can be read of a machine without touching the GPU: /sys, /proc, /dev, /lib/modules, logs.
// "Cannot be seen" is kept apart from "is not there" everywhere: it decides between unknown and FAIL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/stack_check/system/root.h"

namespace strata::stack_check {

/// An NVIDIA display or 3D controller on the bus (vendor 0x10de, class 0x0300xx or 0x0302xx).
struct PciGpu {
  std::string address;       // "0000:3b:00.0"
  uint16_t device_id = 0;    // 0x2330
  std::string kernel_driver; // bound to it: "nvidia", "nouveau", "vfio-pci"; empty: none
  bool lost = false;         // its configuration space reads ff only
  std::string power_state;   // "D0", "D3cold"; empty: not told
  int link_width = 0, link_width_max = 0;    // PCIe lanes; 0: not told
  double link_speed = 0, link_speed_max = 0; // GT/s per lane; 0: not told
};

struct PciBus {
  bool visible = false;  // /sys/bus/pci/devices can be listed
  std::vector<PciGpu> gpus;
  int nvswitches = 0;    // NVIDIA bridges of class 0x0680xx
};
PciBus read_pci(const Root& root);

struct KernelDriver {
  bool modules_visible = false;  // /sys/module can be listed
  bool loaded = false;           // /sys/module/nvidia, or /proc/driver/nvidia/version
  bool uvm_loaded = false;
  bool nouveau_loaded = false;   // nouveau or nova_core
  std::string version;           // of the loaded module: "580.159.04"; empty: not told
  std::optional<bool> open_flavour;  // from "NVIDIA UNIX Open Kernel Module" in the NVRM line
  std::string kernel;            // the running kernel: "6.8.0-41-generic"
  bool module_folder_visible = false;  // /lib/modules/<kernel> can be listed
  bool on_disk = false;          // nvidia.ko* for the running kernel
  std::vector<std::string> on_disk_for;  // other kernels that have nvidia.ko*
  bool headers_missing = false;  // /lib/modules/<kernel>/build is absent or dangling
  std::string dkms_error;        // the line that says why DKMS failed; empty: none found
  std::optional<bool> secure_boot;
  bool gpu_list_visible = false; // /proc/driver/nvidia/gpus can be listed
  std::vector<std::string> gpus; // addresses in it
  bool fabric_manager_running = false;  // a process named nv-fabricmanager
};
KernelDriver read_kernel_driver(const Root& root);

struct DeviceNode {
  std::string path;  // "/dev/nvidiactl"
  int error = 0;     // errno of opening it for reading and writing; ETIMEDOUT: it does not return
};

struct Access {
  std::vector<DeviceNode> nodes;  // nvidiactl, nvidia-uvm, every nvidiaN; on WSL dxg first
  std::string container;          // "docker", "podman", "kubernetes", "lxc", "container"; empty: none seen
  bool wsl = false;
  bool dxg = false;               // /dev/dxg is there
  std::optional<uint64_t> shm_bytes;  // size of /dev/shm; none: no such folder, or no limit
  bool shm_writable = false;
};
Access read_access(const Root& root);

/// Lines of the kernel's log that bear on the GPU; a driver message may run over several lines.
struct KernelLog {
  bool readable = false;
  std::vector<std::string> lines;    // NVRM, nvidia, Xid, suspend, request_free_mem_region, ...
  std::vector<int> xids;             // of "NVRM: Xid (PCI:0000:3b:00): 79, ...", each once
  bool suspended = false;            // the machine has slept since it started
  /// The first line with these words, in any case; empty: none.
  std::string find(std::string_view words) const;
};
/// /dev/kmsg, otherwise /var/log/{kern.log,messages,syslog,dmesg}.
KernelLog read_kernel_log(const Root& root);

struct Machine {
  PciBus pci;
  KernelDriver driver;
  Access access;
  KernelLog log;
  std::string distribution;  // PRETTY_NAME of /etc/os-release
  std::string host_name;
  std::vector<std::string> dgpu_power;  // prime-select or bbswitch settings that switch the card off
};
Machine read_machine(const Root& root);

/// PIDs of other processes that hold a /dev/nvidia* open, as far as they can be seen.
std::vector<int> holders_of_gpus(const Root& root);

}  // namespace strata::stack_check
