#include "tools/stack_check/judge/cuda_init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

constexpr const char* kSoname = "libcuda.so.1";

/// The second kernel module, or its node alone, is missing. Where all nodes are missing or refused,
/// that is the fault of the access.
bool lacks_uvm(const Machine& machine) {
  if (!machine.driver.loaded) return false;
  if (!machine.driver.uvm_loaded) return true;
  bool missing = false, others_open = false;
  for (const DeviceNode& node : machine.access.nodes) {
    if (node.path.ends_with("/nvidia-uvm"))
      missing = node.error == ENOENT;
    else if (node.error == 0)
      others_open = true;
  }
  return missing && others_open;
}

/// By what CUDA_VISIBLE_DEVICES hides; true if that explains that no GPU is seen.
bool blame_variable(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const auto& variable = evidence.surroundings.visible_devices;
  if (!variable) return false;
  const int all =
      evidence.libcuda_of_all ? int_of(evidence.libcuda_of_all->facts, "count", -1) : -1;
  if (all == 0) return false;
  const VisibleDevices parsed = parse_visible_devices(*variable, all);
  if (!parsed.hides_all && all < 0) return false;
  judgement.fail("3-HIDDEN", fmt::format("{}; CUDA_VISIBLE_DEVICES=\"{}\"", saw, *variable),
                 meaning_of(*variable, parsed));
  return true;
}

bool mig_without_instances(const Evidence& evidence) {
  for (const json& gpu : list_of(evidence.nvml.facts, "gpus"))
    if (flag_of(gpu, "mig") && number_of(gpu, "mig_instances") == 0) return true;
  return false;
}

void blame_unknown_error(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const Machine& machine = evidence.machine;
  if (lacks_uvm(machine))
    judgement.fail("1-UVM", saw + "; nvidia_uvm is not there",
                   {{"container", machine.access.container}});
  else if (machine.log.suspended)
    judgement.fail("1-SUSPEND", saw + "; the machine has slept");
  else
    judgement.fail("ANY-ERROR", saw, {{"call", "cuInit"}, {"code", "999"}});
}

void blame_version(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const auto& files = evidence.files_of(kSoname);
  const std::string path = files.empty() ? std::string() : files.front().candidate.path;
  const std::string target = files.empty() ? std::string() : files.front().candidate.target;
  const std::string& loaded = evidence.machine.driver.version;
  const bool compat = is_compat(path) || is_compat(target);
  if (compat)
    judgement.fail("3-COMPAT", fmt::format("{}; {}", saw, path),
                   {{"path", path}, {"folder", folder_of(path)}, {"driver", loaded}});
  else
    judgement.fail("1-MISMATCH", fmt::format("{}; kernel module {}, {}", saw, loaded, target),
                   {{"driver", loaded}, {"other", version_in_name(target)}});
}

void blame_fabric(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const PciBus& bus = evidence.machine.pci;
  const bool blackwell = std::any_of(bus.gpus.begin(), bus.gpus.end(), [&](const PciGpu& gpu) {
    const Generation* generation = generation_of(evidence.facts, gpu.device_id);
    return generation && generation->name == "Blackwell";  // its switches are not on the bus
  });
  if (bus.nvswitches > 0 || blackwell || !bus.visible)
    judgement.fail(
        "1-FABRIC",
        fmt::format("{}; {} NVSwitches, nv-fabricmanager {}", saw, bus.nvswitches,
                    evidence.machine.driver.fabric_manager_running ? "runs" : "does not run"),
        {{"driver", evidence.machine.driver.version}});
  else
    judgement.fail("ANY-ERROR", saw, {{"call", "cuInit"}, {"code", "802"}});
}

void blame_stub(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const auto& files = evidence.files_of(kSoname);
  const std::string path = files.empty() ? std::string() : files.front().candidate.path;
  judgement.fail("3-STUB", path.empty() ? saw : fmt::format("{}; {}", saw, path),
                 {{"path", path}, {"folder", folder_of(path)}});
}

}  // namespace

Values meaning_of(const std::string& variable, const VisibleDevices& parsed) {
  const char* meaning = variable.empty()               ? "@hidden_by_empty"
                        : parsed.first_invalid.empty() ? "@hidden_all"
                                                       : "@hidden_by_invalid";
  const std::string shown = variable.empty() ? "@empty_text" : fmt::format("\"{}\"", variable);
  return {{"variable", shown}, {"other", parsed.first_invalid}, {"meaning", meaning}};
}

void blame_no_device(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  const Machine& machine = evidence.machine;
  if (blame_variable(saw, evidence, judgement)) return;
  if (machine.access.wsl)
    judgement.fail("2-WSL", saw);
  else if (mig_without_instances(evidence))
    judgement.fail("3-MIG", saw + "; NVML: MIG is on, without an instance");
  else if (lacks_uvm(machine))
    judgement.fail("1-UVM", saw + "; nvidia_uvm is not there",
                   {{"container", machine.access.container}});
  else
    judgement.fail("ANY-ERROR", saw, {{"call", "cuInit"}, {"code", "100"}});
}

void blame_init(const Call& call, const Evidence& evidence, Judgement& judgement) {
  const std::string saw = call.to_string();
  const std::string hmm = evidence.machine.log.find("request_free_mem_region");
  const Values plain = {
      {"call", call.name}, {"code", std::to_string(call.code.value_or(0))}, {"error", call.words}};
  switch (call.code.value_or(0)) {
    case 34:
      return blame_stub(saw, evidence, judgement);
    case 100:
    case 101:
      return blame_no_device(saw, evidence, judgement);
    case 802:
      return blame_fabric(saw, evidence, judgement);
    case 803:
    case 804:
      return blame_version(saw, evidence, judgement);
    case 999:
      return blame_unknown_error(saw, evidence, judgement);
    case 3:  // NVML answers: the module is fine, but not its second part
      if (hmm.empty() && evidence.nvml.failed("nvmlInit_v2")) break;
      return judgement.fail("1-HMM", hmm.empty() ? saw : saw + "; " + hmm,
                            {{"code", "3"}, {"kernel", evidence.machine.driver.kernel}});
    default:
      break;
  }
  if (!hmm.empty()) return judgement.fail("1-HMM", saw + "; " + hmm);
  if (!blame_cuda_code(call, evidence, judgement)) judgement.fail("ANY-ERROR", saw, plain);
}

}  // namespace strata::stack_check
