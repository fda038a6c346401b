// Layer 13: the driver's library. Its error codes are few and their causes many, most of them
// below.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "tools/stack_check/judge/common.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

constexpr const char* kSoname = "libcuda.so.1";
constexpr double kEnoughMemory = 256 << 20;  // bytes; below, not even a context and cuBLAS fit

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

/// True if the file that the loader would take is no library to load.
bool blame_file(const Evidence& evidence, Judgement& judgement) {
  // The loader passes over files for other processors.
  for (const InspectedFile& file : evidence.files_of(kSoname)) {
    std::string fault = file.elf.fault;
    if (fault.starts_with("is for another processor") || fault == "is a 32-bit library" ||
        fault.starts_with("cannot be read"))
      continue;
    if (fault.empty() && !file.elf.soname.empty() && file.elf.soname != kSoname &&
        !file.elf.soname.starts_with("libcuda.so"))
      fault = "calls itself " + file.elf.soname;
    if (fault.empty()) return false;
    judgement.fail("3-BADFILE", fmt::format("{} {}", file.candidate.path, fault),
                   {{"path", file.candidate.path}, {"other", fault}});
    return true;
  }
  return false;
}

void blame_missing(const Call& call, const Evidence& evidence, Judgement& judgement) {
  const Access& access = evidence.machine.access;
  const auto& capabilities = evidence.surroundings.driver_capabilities;
  const std::string saw = fmt::format("{}: {}", call.name, call.words);
  const bool nvml_there = !evidence.files_of("libnvidia-ml.so.1").empty();
  const bool not_asked = capabilities && capabilities->find("compute") == std::string::npos &&
                         capabilities->find("all") == std::string::npos;
  const auto& files = evidence.files_of(kSoname);
  if (call.words.find("allocate memory") != std::string::npos ||
      call.words.find("failed to map") != std::string::npos)
    blame_memory(saw, evidence, judgement);
  else if (blame_file(evidence, judgement))
    return;
  else if (!files.empty() && call.words.find("No such file") == std::string::npos)
    judgement.fail("ANY-ERROR", saw, {{"call", call.name}, {"error", call.words}});
  else if (access.wsl)
    judgement.fail("2-WSL", saw);
  else if (not_asked || (!access.container.empty() && nvml_there))
    judgement.fail("2-CAPS",
                   capabilities ? saw + "; NVIDIA_DRIVER_CAPABILITIES=" + *capabilities : saw,
                   {{"library", kSoname}});
  else
    judgement.fail("3-NOLIB", saw, {{"driver", evidence.machine.driver.version}});
}

Values meaning_of(const std::string& variable, const VisibleDevices& parsed) {
  const char* meaning = variable.empty()               ? "@hidden_by_empty"
                        : parsed.first_invalid.empty() ? "@hidden_all"
                                                       : "@hidden_by_invalid";
  return {{"variable", variable}, {"other", parsed.first_invalid}, {"meaning", meaning}};
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

/// Each GPU gets a context and a megabyte that goes there and back.
void judge_gpu(const json& gpu, const Evidence& evidence, Cell& cell, Judgement& judgement) {
  const double free = number_of(gpu, "memory_free"), total = number_of(gpu, "memory_total");
  cell.text = text_of(gpu, "name");
  if (gpu.contains("memory_free"))
    cell.text = {"cell_libcuda",
                 {{"gpu", text_of(gpu, "name")},
                  {"free", fmt::format("{:.0f}", free / 1e9)},
                  {"total", fmt::format("{:.0f}", total / 1e9)}}};
  if (gpu.contains("copied") && !flag_of(gpu, "copied"))
    judgement.fail("ANY-WRONG", "a megabyte came back changed",
                   {{"what", "memory"}, {"gpu", text_of(gpu, "name")}});
  if (gpu.contains("memory_free") && free < kEnoughMemory)
    blame_memory("cuMemGetInfo", evidence, judgement);
  std::vector<std::string> pids;
  for (const int pid : evidence.holders) pids.push_back(std::to_string(pid));
  if (!pids.empty() && total > 0 && free < 0.9 * total && !judgement.failed())
    judgement.warn("3-SHARED",
                   fmt::format("{:.0f} of {:.0f} MiB in use; held by {}",
                               (total - free) / (1 << 20), total / (1 << 20), joined(pids)),
                   {{"pids", joined(pids)}});
}

void judge_gpus(const Evidence& evidence, Judgement& judgement) {
  const json& gpus = list_of(evidence.libcuda.facts, "gpus");
  for (size_t i = 0; i < gpus.size(); ++i) {
    if (gpus.size() > 1) judgement.gpu = static_cast<int>(i);
    Cell cell;
    for (const Call& call : evidence.libcuda.calls)
      if (call.gpu == static_cast<int>(i) && call.code.value_or(0) != 0 && !judgement.failed())
        if (!blame_cuda_code(call, evidence, judgement))
          judgement.fail("ANY-ERROR", call.to_string(),
                         {{"call", call.name}, {"error", call.words}});
    if (gpus[i].is_object()) judge_gpu(gpus[i], evidence, cell, judgement);
    judgement.row.cells.push_back(std::move(cell));
  }
  judgement.gpu.reset();
}

/// Cards that the driver holds and this process may open, and that CUDA does not count.
void judge_count(const Evidence& evidence, Judgement& judgement) {
  const ProbeResult& all = evidence.libcuda_of_all.value_or(evidence.libcuda);
  for (const json& gpu : list_of(evidence.nvml.facts, "gpus"))
    if (flag_of(gpu, "mig")) return;  // a process sees one instance
  const Machine& machine = evidence.machine;
  const auto bound = std::count_if(machine.pci.gpus.begin(), machine.pci.gpus.end(),
                                   [](const PciGpu& gpu) { return gpu.kernel_driver == "nvidia"; });
  const auto open = std::count_if(
      machine.access.nodes.begin(), machine.access.nodes.end(), [](const DeviceNode& node) {
        return node.error == 0 && node.path.size() > 11 && std::isdigit(node.path[11]);
      });
  const int count = int_of(all.facts, "count");
  if (count < std::min(bound, open))
    judgement.fail("0-LOST",
                   fmt::format("cuDeviceGetCount: {}; {} cards are bound to nvidia, {} open", count,
                               bound, open));
}

void judge_surroundings(const Evidence& evidence, Judgement& judgement) {
  for (const std::string& folder : evidence.stub_folders)
    judgement.warn("3-STUB", fmt::format("LD_LIBRARY_PATH has {}", folder),
                   {{"folder", folder}, {"path", folder + "/libcuda.so"}});
  const Machine& machine = evidence.machine;
  if (evidence.files_of("libnvidia-ml.so.1").empty() && machine.driver.loaded &&
      machine.access.container.empty() && !machine.access.wsl)
    judgement.warn("2-HOSTLIB", "libnvidia-ml.so.1 is found nowhere",
                   {{"library", "libnvidia-ml.so.1"}});
  const auto& variable = evidence.surroundings.visible_devices;
  const int all =
      evidence.libcuda_of_all ? int_of(evidence.libcuda_of_all->facts, "count", -1) : -1;
  if (!variable || all < 0) return;
  if (const auto parsed = parse_visible_devices(*variable, all); !parsed.first_invalid.empty())
    judgement.warn("3-HIDDEN", fmt::format("CUDA_VISIBLE_DEVICES=\"{}\"", *variable),
                   meaning_of(*variable, parsed));
}

void judge_calls(const Evidence& evidence, Judgement& judgement) {
  const ProbeResult& probe = evidence.libcuda;
  const Call* open = probe.failed("dlopen(libcuda.so.1)");
  if (open && !open->code && blame_file(evidence, judgement)) return;  // it died of it
  if (blame_end(probe, evidence, judgement)) return;
  if (open) return blame_missing(*open, evidence, judgement);
  for (const Call& call : probe.calls) {
    if (call.code.value_or(0) == 0 || call.gpu) continue;
    if (call.name.starts_with("dlsym("))
      return blame_file(evidence, judgement)
                 ? void()
                 : judgement.fail("3-BADFILE", call.to_string(),
                                  {{"path", text_of(object_of(probe.facts, "library"), "target")}});
    return blame_init(call, evidence, judgement);
  }
  if (evidence.gpu_count() == 0)
    return blame_no_device("cuDeviceGetCount: 0 GPUs", evidence, judgement);
  judge_gpus(evidence, judgement);
  judge_count(evidence, judgement);
}

}  // namespace

Judgement judge_libcuda(const Evidence& evidence) {
  Judgement judgement(Layer::libcuda);
  judgement.row.seconds = evidence.libcuda.seconds;
  judge_calls(evidence, judgement);
  const json& library = object_of(evidence.libcuda.facts, "library");
  if (!library.empty()) judgement.row.libraries.push_back(describe(library, evidence));
  const json& nvml = object_of(evidence.nvml.facts, "library");
  if (!nvml.empty()) judgement.row.libraries.push_back(describe(nvml, evidence));
  if (const double cuda = number_of(evidence.libcuda.facts, "driver_cuda"); cuda > 0)
    judgement.row.text = {"row_libcuda", {{"driver_cuda", cuda_text(cuda)}}};
  if (!judgement.failed()) judge_surroundings(evidence, judgement);
  const TimeLimit limit = time_limit(evidence.facts, "libcuda");
  if (!judgement.failed() && limit.slow > 0 && evidence.libcuda.seconds > limit.slow)
    judgement.warn("ANY-SLOW",
                   fmt::format("cuInit and a context took {:.0f} s", evidence.libcuda.seconds),
                   {{"what", "cuInit"},
                    {"measured", fmt::format("{:.0f} s", evidence.libcuda.seconds)},
                    {"expected", fmt::format("{:.0f} s", limit.slow)}});
  return judgement;
}

}  // namespace strata::stack_check
