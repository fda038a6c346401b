// Layer 13: the driver's library. Its error codes are few and their causes many, most of them
// below.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "tools/stack_check/judge/common.h"
#include "tools/stack_check/judge/cuda_init.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

constexpr const char* kSoname = "libcuda.so.1";
constexpr double kEnoughMemory = 256 << 20;  // bytes; below, not even a context and cuBLAS fit

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
