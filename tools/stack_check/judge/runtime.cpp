// Layer 14: the CUDA runtime in this build, against the driver and the card, with kernels of our
// own.
#include <fmt/format.h>

#include <algorithm>

#include "tools/stack_check/judge/common.h"
#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

std::vector<int> architectures_of(const ProbeResult& probe) {
  std::vector<int> found;
  for (const json& cc : list_of(probe.facts, "architectures"))
    if (cc.is_number_integer()) found.push_back(cc.get<int>());
  return found;
}

std::string text_of_all(const std::vector<int>& architectures) {
  std::vector<std::string> texts;
  for (const int cc : architectures) texts.push_back(cc_text(cc));
  return joined(texts, " ");
}

bool blame_old_driver(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  const int runtime = int_of(probe.facts, "runtime_cuda");
  const int driver = int_of(evidence.libcuda.facts, "driver_cuda");
  const Call* count = probe.failed("cudaGetDeviceCount");
  const bool insufficient = count && count->code == 35;
  if (!insufficient && (runtime == 0 || driver == 0 || driver / 1000 >= runtime / 1000))
    return false;
  judgement.fail("4-OLDDRV",
                 fmt::format("{}; driver {} < runtime {}",
                             count ? count->to_string() : "cuDriverGetVersion", driver, runtime),
                 {{"driver", evidence.machine.driver.version},
                  {"driver_cuda", cuda_text(driver)},
                  {"runtime", cuda_text(runtime)},
                  {"needed", minimum_driver(evidence.facts, runtime / 1000)}});
  return true;
}

bool blame_architecture(const Call* call, const ProbeResult& probe, size_t gpu,
                        const Evidence& evidence, Judgement& judgement) {
  const std::vector<int> built = architectures_of(probe);
  const int cc =
      int_of(gpu_facts(evidence, gpu), "cc", number_of(object_of(probe.facts, "device"), "cc"));
  const bool told = call && call->code == 209;
  if (!told && (built.empty() || cc == 0 || sass_runs_on(built, cc))) return false;
  const int first_cuda = first_cuda_for(evidence.facts, cc);
  judgement.fail(
      "4-NOKERNEL",
      fmt::format("{}; card {}{}, machine code for {}", call ? call->to_string() : "no launch",
                  cc_text(cc),
                  first_cuda > 0 ? fmt::format(" (from CUDA {} on)", cuda_text(first_cuda)) : "",
                  text_of_all(built)),
      {{"cc", cc_text(cc)}, {"architectures", text_of_all(built)}});
  return true;
}

/// Code that the driver must compile is a comfort here: this program has machine code.
void judge_ptx(const ProbeResult& probe, size_t gpu, const Evidence& evidence,
               Judgement& judgement) {
  const Call* call = probe.failed("saxpy<<<>>> (PTX, compiled by the driver)");
  if (!call || !call->code) return;
  const double cc = number_of(gpu_facts(evidence, gpu), "cc");
  if (*call->code == 209 && cc < number_of(probe.facts, "ptx")) return;  // PTX for newer cards
  const int runtime = int_of(probe.facts, "runtime_cuda");
  const Values values = {
      {"driver", evidence.machine.driver.version},
      {"driver_cuda", cuda_text(number_of(evidence.libcuda.facts, "driver_cuda"))},
      {"runtime", cuda_text(runtime)},
      {"needed", driver_for_ptx(evidence.facts, runtime)},
      {"library", "libnvidia-ptxjitcompiler.so.1"},
      {"cc", cc_text(cc)}};
  if (*call->code == 222)
    judgement.warn("4-PTX", call->to_string(), values);
  else if (*call->code == 221)
    judgement.warn("4-NOJIT", call->to_string(), values);
  else if (!blame_cuda_code(*call, evidence, judgement))
    judgement.warn("ANY-ERROR", call->to_string(), {{"call", call->name}, {"error", call->words}});
}

void judge_results(const ProbeResult& probe, const std::string& name, Judgement& judgement) {
  for (const auto& [fact, kernel] : {std::pair{"kernel_wrong", "saxpy (machine code)"},
                                     std::pair{"ptx_kernel_wrong", "saxpy (PTX)"}})
    if (const double wrong = number_of(probe.facts, fact); wrong > 0)
      judgement.fail("ANY-WRONG", fmt::format("{}: {:.0f} elements wrong", kernel, wrong),
                     {{"what", kernel},
                      {"gpu", name},
                      {"measured", fmt::format("{:.0f}", wrong)},
                      {"expected", "0"}});
}

/// GB/s of the link between card and board: the narrower and slower of what both can do.
double link_of(const Evidence& evidence, size_t gpu) {
  constexpr double kSpeeds[] = {0, 2.5, 5, 8, 16, 32, 64};  // GT/s of each PCIe generation
  const std::string pci = lower(text_of(gpu_facts(evidence, gpu), "pci"));
  double speed = 0;
  int width = 0;
  for (const PciGpu& card : evidence.machine.pci.gpus)
    if (pci.empty() || pci.ends_with(lower(card.address))) {
      speed = card.link_speed_max;
      width = card.link_width_max;
    }
  for (const json& card : list_of(evidence.nvml.facts, "gpus")) {
    if (text_of(card, "pci") != pci) continue;
    const int generation = int_of(card, "pcie_generation_max"),
              lanes = int_of(card, "pcie_width_max");
    if (generation > 0 && generation < 7 && speed > 0) speed = std::min(speed, kSpeeds[generation]);
    if (lanes > 0) width = std::min(width, lanes);
  }
  return peak_link(evidence.facts, speed, width);
}

void judge_speed(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
                 Judgement& judgement) {
  const json& device = object_of(probe.facts, "device");
  const double link = link_of(evidence, gpu);
  const double memory = peak_memory(int_of(device, "memory_clock_khz"), int_of(device, "bus_bits"));
  measure("copy_to", number_of(probe.facts, "copy_to_gb_s"), "GB/s", link, evidence, cell,
          judgement);
  measure("copy_from", number_of(probe.facts, "copy_from_gb_s"), "GB/s", link, evidence, cell,
          judgement);
  measure("memory", number_of(probe.facts, "memory_gb_s"), "GB/s", memory, evidence, cell,
          judgement);
}

/// The three numbers that confuse, and the library that other programs look for.
void judge_versions(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  const std::string runtime = cuda_text(number_of(probe.facts, "runtime_cuda"));
  const std::string driver = cuda_text(number_of(evidence.libcuda.facts, "driver_cuda"));
  const std::string& toolkit = evidence.surroundings.toolkit_cuda;
  if (driver != runtime || (!toolkit.empty() && parse_version(toolkit) != parse_version(runtime)))
    judgement.note("4-CONFUSED",
                   fmt::format("driver {}, toolkit {}, runtime {}", driver,
                               toolkit.empty() ? "-" : toolkit, runtime),
                   {{"driver_cuda", driver}, {"runtime", runtime}});
  const std::string name = fmt::format(
      "libcudart.so.{}", parse_version(runtime).empty() ? 0 : parse_version(runtime)[0]);
  if (object_of(probe.facts, "cudart").empty() && probe.finished())
    judgement.note("4-NOCUDART", name + " is not found; this program contains its own",
                   {{"library", name}});
}

void judge_gpu(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
               Judgement& judgement) {
  const std::string name = text_of(object_of(probe.facts, "device"), "name");
  if (blame_end(probe, evidence, judgement) || blame_old_driver(probe, evidence, judgement)) return;
  const Call* call = nullptr;
  for (const Call& made : probe.calls)
    if (!call && made.code.value_or(0) != 0 && made.name.find("PTX") == std::string::npos)
      call = &made;
  if (blame_architecture(call, probe, gpu, evidence, judgement)) return;
  if (call && !blame_cuda_code(*call, evidence, judgement))
    judgement.fail(call->code == 222   ? "4-PTX"
                   : call->code == 221 ? "4-NOJIT"
                                       : "ANY-ERROR",
                   call->to_string(),
                   {{"call", call->name},
                    {"code", std::to_string(call->code.value_or(0))},
                    {"error", call->words}});
  judge_results(probe, name, judgement);
  if (!judgement.failed() && !probe.facts.contains("kernel_wrong"))
    judgement.fail("ANY-ERROR", "the probe ended before its kernel ran", {{"call", "saxpy<<<>>>"}});
  if (judgement.failed()) return;
  judge_ptx(probe, gpu, evidence, judgement);
  judge_speed(probe, gpu, evidence, cell, judgement);
  if (gpu == 0) judge_versions(probe, evidence, judgement);
  cell.text = {"cell_runtime",
               {{"runtime", cuda_text(number_of(probe.facts, "runtime_cuda"))},
                {"architectures", text_of_all(architectures_of(probe))}}};
}

}  // namespace

Judgement judge_runtime(const Evidence& evidence) {
  Judgement judgement =
      judge_each(Layer::runtime, evidence,
                 [&](const ProbeResult& probe, size_t gpu, Cell& cell, Judgement& judgement) {
                   judge_gpu(probe, gpu, evidence, cell, judgement);
                 });
  if (const auto found = evidence.probes.find(Layer::runtime); found != evidence.probes.end())
    for (const char* key : {"cudart", "ptx_compiler"})
      if (const json& library = object_of(found->second.front().facts, key); !library.empty())
        judgement.row.libraries.push_back(describe(library, evidence));
  return judgement;
}

}  // namespace strata::stack_check
