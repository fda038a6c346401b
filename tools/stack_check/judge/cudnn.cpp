// Layer 16: cuDNN, which is eight files that must all come from one release.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-4;  // relative; other engines sum and transform differently

std::string library_path(const ProbeResult& probe) {
  return text_of(object_of(probe.facts, "library"), "target");
}

void blame_missing(const Call& call, const Evidence& evidence, Judgement& judgement) {
  const std::string library = call.name.substr(7, call.name.size() - 8);
  std::vector<std::string> others;
  for (const auto& [name, files] : evidence.files)
    if (name.starts_with("libcudnn.so.") && name != library)
      for (const InspectedFile& file : files) others.push_back(file.candidate.path);
  judgement.fail("6-MISSING",
                 fmt::format("{}: {}{}", call.name, call.words,
                             others.empty() ? "" : "; there is " + joined(others)),
                 {{"library", library}, {"other", joined(others)}});
}

/// The files that belong to this release and do not stand beside libcudnn.
std::vector<std::string> missing_files(const ProbeResult& probe, const Evidence& evidence) {
  const int version = int_of(probe.facts, "version", 90000);
  const CudnnRelease* release = cudnn_release(evidence.facts, version);
  std::set<std::string> present;
  for (const json& part : list_of(probe.facts, "sublibraries"))
    if (flag_of(part, "present")) present.insert(text_of(part, "name"));
  std::vector<std::string> missing;
  if (release && !list_of(probe.facts, "sublibraries").empty())
    for (const std::string& part : release->sublibraries) {
      const std::string name = fmt::format("libcudnn_{}.so.{}", part, version / 10000);
      if (!present.contains(name)) missing.push_back(name);
    }
  return missing;
}

/// Files of cuDNN that were loaded from another folder than libcudnn itself.
std::vector<std::string> strangers(const ProbeResult& probe) {
  const std::string home = folder_of(library_path(probe));
  std::vector<std::string> found;
  for (const json& library : list_of(probe.facts, "libraries"))
    if (const std::string path = text_of(library, "target");
        !home.empty() && folder_of(path) != home)
      found.push_back(path);
  return found;
}

/// What is wrong with the set of files; a fault if something failed, otherwise a warning.
bool judge_files(const std::string& failure, Severity severity, const ProbeResult& probe,
                 const Evidence& evidence, Judgement& judgement) {
  const std::string path = library_path(probe), home = folder_of(path);
  const std::string before = failure.empty() ? "" : failure + "; ";
  const auto missing = missing_files(probe, evidence);
  const auto foreign = strangers(probe);
  if (!missing.empty())
    judgement.add(severity, "6-SUBLIB",
                  fmt::format("{}{} lacks {}{}", before, home, joined(missing),
                              foreign.empty() ? "" : "; taken instead: " + joined(foreign)),
                  {{"folder", home}, {"library", joined(missing)}});
  else if (!foreign.empty())
    judgement.add(severity, "6-MIX", fmt::format("{}{}; {}", before, path, joined(foreign)),
                  {{"path", path}, {"folder", home}, {"other", joined(foreign)}});
  return !missing.empty() || !foreign.empty();
}

void blame_code(const Call& call, const ProbeResult& probe, const Evidence& evidence,
                Judgement& judgement) {
  const std::string saw = call.to_string();
  const double free = number_of(probe.facts, "memory_free", 1e12);
  const Values values = {{"call", call.name},
                         {"code", std::to_string(call.code.value_or(0))},
                         {"error", call.words},
                         {"path", library_path(probe)},
                         {"folder", folder_of(library_path(probe))}};
  switch (call.code.value_or(0)) {
    case 1002:
      return judgement.fail("6-MIX", saw, values);
    case 3005:
    case 3006:
      return judgement.fail("4-OLDDRV", saw, {{"driver", evidence.machine.driver.version}});
    case 3007:
      return judgement.fail("6-ARCH", saw, values);
    case 3008:
      return judgement.fail("6-NVRTC", saw, {{"library", "libnvrtc"}});
    case 3009:
      return judgement.fail("6-SUBLIB", saw, values);
    case 1001:
    case 4000:
    case 4003:
      if (free < (512 << 20)) return blame_memory(saw, evidence, judgement);
      [[fallthrough]];
    default:
      judgement.fail("ANY-ERROR", saw, values);
  }
}

bool blame_call(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  for (const Call& call : probe.calls) {
    if (call.code == 0 || call.name.find("nvrtc") != std::string::npos) continue;
    if (call.name.starts_with("dlopen(libcudnn"))
      blame_missing(call, evidence, judgement);
    else if (!call.name.starts_with("cuda") || !blame_cuda_code(call, evidence, judgement)) {
      // A code says that files do not fit; the files say which.
      const bool of_files = call.code && (*call.code == 3009 || *call.code == 1002);
      if (!of_files || !judge_files(call.to_string(), Severity::fail, probe, evidence, judgement))
        blame_code(call, probe, evidence, judgement);
    }
    return true;
  }
  return false;
}

bool blame_abort(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  if (probe.end != ProbeResult::End::crashed || probe.signal != SIGABRT) return false;
  std::string words = probe.output.substr(0, probe.output.find('\n'));
  const std::string saw = fmt::format("cuDNN aborted: {}", words);
  if (judge_files(saw, Severity::fail, probe, evidence, judgement)) return true;
  if (words.find("libcudnn") == std::string::npos) return false;
  judgement.fail("6-SUBLIB", saw, {{"folder", folder_of(library_path(probe))}});
  return true;
}

bool blame_version(const ProbeResult& probe, size_t gpu, const Evidence& evidence,
                   Judgement& judgement) {
  const int version = int_of(probe.facts, "version");
  const int built = int_of(probe.facts, "built");
  const int cc = int_of(gpu_facts(evidence, gpu), "cc");
  const int newest = int_of(probe.facts, "max_device");
  const Values values = {{"version", cudnn_text(version)},
                         {"built", cudnn_text(built)},
                         {"path", library_path(probe)},
                         {"folder", folder_of(library_path(probe))},
                         {"cc", cc_text(cc)},
                         {"max_cudnn", "9.10.2"}};
  const CudnnRelease* release = cudnn_release(evidence.facts, version);
  // Works for now: what it lacks fails when it is asked for.
  const Severity severity = probe.first_failure() ? Severity::fail : Severity::warn;
  if (version > 0 && version / 100 < built / 100)
    judgement.add(
        severity, "6-OLD",
        fmt::format("cudnnGetVersion = {}, built with {}; {}", version, built, library_path(probe)),
        values);
  else if (cc > 0 && ((release && cc < release->lowest_cc) || (newest > 0 && cc > newest / 10)))
    judgement.fail("6-ARCH", fmt::format("cuDNN {}, card {}", cudnn_text(version), cc_text(cc)),
                   values);
  return judgement.failed();
}

void judge_results(const ProbeResult& probe, size_t gpu, const Evidence& evidence,
                   Judgement& judgement) {
  for (const char* fact : {"forward_error", "grad_input_error", "grad_weight_error"}) {
    const double error = number_of(probe.facts, fact, 1);
    if (error <= kTolerance) continue;
    judgement.fail("ANY-WRONG", fmt::format("convolution, {}: {:.2g}", fact, error),
                   {{"what", "convolution"},
                    {"gpu", text_of(gpu_facts(evidence, gpu), "name")},
                    {"measured", fmt::format("{:.2g}", error)},
                    {"expected", fmt::format("{:.0e}", kTolerance)}});
    return;
  }
}

void judge_nvrtc(const ProbeResult& probe, Judgement& judgement) {
  for (const Call& call : probe.calls)
    if (call.name.find("nvrtc") != std::string::npos && call.code != 0)
      return judgement.warn("6-NVRTC", call.to_string(), {{"library", "libnvrtc"}});
}

void judge_gpu(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
               Judgement& judgement) {
  if (blame_abort(probe, evidence, judgement) || blame_end(probe, evidence, judgement) ||
      blame_version(probe, gpu, evidence, judgement) || blame_call(probe, evidence, judgement))
    return;
  judge_results(probe, gpu, evidence, judgement);
  if (judgement.failed()) return;
  judge_files("", Severity::warn, probe, evidence, judgement);
  judge_nvrtc(probe, judgement);
  const json& card = gpu_facts(evidence, gpu);
  const double peak = peak_bf16(evidence.facts, int_of(card, "cc"), int_of(card, "multiprocessors"),
                                int_of(card, "clock_khz"));
  measure("convolution", number_of(probe.facts, "convolution_tflops"), "TFLOP/s", peak, evidence,
          cell, judgement);
  cell.text = {"cell_cudnn", {{"version", cudnn_text(number_of(probe.facts, "version"))}}};
}

}  // namespace

Judgement judge_cudnn(const Evidence& evidence) {
  Judgement judgement =
      judge_each(Layer::cudnn, evidence,
                 [&](const ProbeResult& probe, size_t gpu, Cell& cell, Judgement& judgement) {
                   judge_gpu(probe, gpu, evidence, cell, judgement);
                 });
  const auto found = evidence.probes.find(Layer::cudnn);
  if (found == evidence.probes.end()) return judgement;
  const json& facts = found->second.front().facts;
  for (const json& library : list_of(facts, "libraries")) {
    judgement.row.libraries.push_back(describe(library, evidence));
    Library& described = judgement.row.libraries.back();
    if (described.version.empty() && described.name.starts_with("libcudnn.so"))
      described.version = cudnn_text(number_of(facts, "version"));
  }
  if (const json& nvrtc = object_of(facts, "nvrtc"); !nvrtc.empty())
    judgement.row.libraries.push_back(describe(nvrtc, evidence));
  return judgement;
}

}  // namespace strata::stack_check
