#include <string>

#include "tools/stack_check/system/machine.h"
#include "tools/stack_check/system/texts.h"

namespace strata::stack_check {
namespace {

constexpr uint32_t kNvidia = 0x10de;
constexpr uint32_t kDisplay = 0x0300, k3d = 0x0302, kOtherBridge = 0x0680;
constexpr size_t kHeaderBytes = 64;  // of the configuration space; the rest is for root only

PciGpu read_gpu(const Root& root, const std::string& address, const std::string& folder) {
  PciGpu gpu;
  gpu.address = address;
  gpu.device_id = static_cast<uint16_t>(parse_pci_id(root.line(folder + "device")).value_or(0));
  gpu.kernel_driver = root.link_name(folder + "driver");
  gpu.power_state = root.line(folder + "power_state");
  gpu.link_width = parse_link_width(root.line(folder + "current_link_width"));
  gpu.link_width_max = parse_link_width(root.line(folder + "max_link_width"));
  gpu.link_speed = parse_link_speed(root.line(folder + "current_link_speed"));
  gpu.link_speed_max = parse_link_speed(root.line(folder + "max_link_speed"));
  // To read the configuration of a card that sleeps would wake it.
  if (root.line(folder + "power/runtime_status") != "suspended")
    gpu.lost = reads_ff_only(root.read(folder + "config", kHeaderBytes).value_or(""));
  return gpu;
}

}  // namespace

PciBus read_pci(const Root& root) {
  PciBus bus;
  const std::string devices = "/sys/bus/pci/devices/";
  const auto addresses = root.list(devices);
  if (!addresses) return bus;
  bus.visible = true;
  for (const std::string& address : *addresses) {
    const std::string folder = devices + address + "/";
    if (parse_pci_id(root.line(folder + "vendor")) != kNvidia) continue;
    // A virtual function is part of a card that is listed itself.
    if (!root.link_target(folder + "physfn").empty()) continue;
    const uint32_t device_class = parse_pci_id(root.line(folder + "class")).value_or(0) >> 8;
    if (device_class == kDisplay || device_class == k3d)
      bus.gpus.push_back(read_gpu(root, address, folder));
    if (device_class == kOtherBridge) ++bus.nvswitches;
  }
  return bus;
}

}  // namespace strata::stack_check
