// Layer 10: is there a card, does it answer, who holds it?
#include <fmt/format.h>

#include <algorithm>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

std::string describe_gpu(const PciGpu& gpu, const Evidence& evidence) {
  const std::string name = card_name(evidence.facts, gpu.device_id);
  const Generation* generation = generation_of(evidence.facts, gpu.device_id);
  const std::string shown = !name.empty() ? name : generation ? generation->name : "NVIDIA GPU";
  return fmt::format(
      "{} [10de:{:04x}] {}, {}", shown, gpu.device_id, gpu.address,
      gpu.kernel_driver.empty() ? "no driver bound" : "bound to " + gpu.kernel_driver);
}

void judge_link(const PciGpu& gpu, Judgement& judgement) {
  // Speeds are left out: an idle card lowers its link's speed to save power.
  if (gpu.link_width > 0 && gpu.link_width < gpu.link_width_max && gpu.link_width_max <= 32)
    judgement.warn("0-PCIE",
                   fmt::format("{}: x{} of x{}", gpu.address, gpu.link_width, gpu.link_width_max),
                   {{"width", std::to_string(gpu.link_width)},
                    {"width_max", std::to_string(gpu.link_width_max)}});
}

void judge_gpu(const PciGpu& gpu, const Evidence& evidence, Judgement& judgement) {
  const std::string bound = fmt::format("{}/driver -> {}", gpu.address, gpu.kernel_driver);
  const bool failing = fails_at_the_card(evidence);
  std::string fallen = log_line(evidence, "fallen off the bus", &gpu);
  if (fallen.empty()) fallen = log_line(evidence, "): 79,", &gpu);
  const std::string window = log_line(evidence, "RmInitAdapter failed! (0x22", &gpu);
  // Bound to its driver, a laptop's card sleeps in D3cold and wakes when it is used.
  if (gpu.power_state == "D3cold" && gpu.kernel_driver != "nvidia")
    judgement.fail("0-POWER", fmt::format("{}/power_state = D3cold", gpu.address));
  else if (gpu.lost && gpu.power_state != "D3cold")
    judgement.fail("0-LOST", fmt::format("{}/config reads ff only", gpu.address));
  else if (gpu.kernel_driver == "nouveau" || gpu.kernel_driver.starts_with("nova"))
    judgement.fail("0-NOUVEAU", bound, {{"bound", gpu.kernel_driver}});
  else if (gpu.kernel_driver.starts_with("vfio"))
    judgement.fail("0-VFIO", bound, {{"bound", gpu.kernel_driver}});
  else if (failing && !fallen.empty())
    judgement.fail("0-LOST", fallen, {{"xid", "79"}});
  else if (failing && !window.empty())
    judgement.fail("0-BAR", window);
  else
    judge_link(gpu, judgement);
}

void judge_empty_bus(const Evidence& evidence, Judgement& judgement) {
  const Machine& machine = evidence.machine;
  const bool traces = machine.driver.gpus.size() > 0 ||
                      std::any_of(machine.access.nodes.begin(), machine.access.nodes.end(),
                                  [](const DeviceNode& node) { return node.error == 0; });
  if (!machine.dgpu_power.empty()) {
    judgement.fail("0-POWER", joined(machine.dgpu_power));
  } else if (traces) {  // a sandbox that hides the bus, not a machine without a card
    judgement.row.status = Status::unknown;
    judgement.row.text = "not_seen";
  } else {
    judgement.fail("0-NOGPU", "/sys/bus/pci/devices: no device of vendor 10de, class 0300 or 0302");
    judgement.row.text = "no_gpu";
  }
}

}  // namespace

Judgement judge_pci(const Evidence& evidence) {
  Judgement judgement(Layer::pci);
  const PciBus& bus = evidence.machine.pci;
  if (evidence.machine.access.wsl || !bus.visible) {
    judgement.row.status = Status::unknown;
    judgement.row.text = evidence.machine.access.wsl ? "wsl_card" : "not_seen";
    return judgement;
  }
  if (bus.gpus.empty()) {
    judge_empty_bus(evidence, judgement);
    return judgement;
  }
  const size_t working =
      static_cast<size_t>(std::count_if(bus.gpus.begin(), bus.gpus.end(), [](const auto& gpu) {
        return gpu.kernel_driver == "nvidia";
      }));
  for (size_t i = 0; i < bus.gpus.size(); ++i) {
    if (bus.gpus.size() > 1) judgement.gpu = static_cast<int>(i);
    judge_gpu(bus.gpus[i], evidence, judgement);
    judgement.row.cells.push_back(
        {.status = Status::ok, .text = describe_gpu(bus.gpus[i], evidence)});
  }
  // A card that is set aside on purpose does not break the others.
  for (Finding& finding : judgement.findings)
    if (working > 0 && finding.id == "0-VFIO") finding.severity = Severity::warn;
  judgement.row.text = judgement.row.cells.front().text;
  return judgement;
}

}  // namespace strata::stack_check
