#include "tools/stack_check/judge/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "tools/stack_check/system/visible_devices.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

const json kNull = json::object();
const std::vector<InspectedFile> kNoFiles;

std::string megabytes(double bytes) {
  return fmt::format("{:.0f} MiB", bytes / (1 << 20));
}

/// "1234 (1000 MiB)", from NVML where it tells, otherwise from /proc.
std::string holders(const Evidence& evidence) {
  std::vector<std::string> names;
  for (const json& gpu : list_of(evidence.nvml.facts, "gpus"))
    for (const json& process : list_of(gpu, "processes"))
      names.push_back(fmt::format("{:.0f} ({})", number_of(process, "pid"),
                                  megabytes(number_of(process, "bytes"))));
  if (names.empty())
    for (const int pid : evidence.holders) names.push_back(std::to_string(pid));
  return joined(names);
}

/// A library may end the process that calls it, by exit(): what was not reported did not pass.
bool blame_early_end(const ProbeResult& probe, Judgement& judgement) {
  const bool open = !probe.calls.empty() && !probe.calls.back().code;
  const bool silent = probe.calls.empty() && probe.facts.empty();
  if (probe.finished() && !open && !silent) return false;
  const bool started = probe.end != ProbeResult::End::not_started;
  const std::string call = open ? probe.calls.back().name : "the probe";
  const std::string code = fmt::format("exit code {}", started ? probe.exit_code : 127);
  const char* words = !started ? "it could not be started"
                      : open   ? "it ended the process"
                      : silent ? "it reported nothing"
                               : "it did not come to its end";
  judgement.fail("ANY-ERROR", fmt::format("{}: {}, {}", call, code, words),
                 {{"call", call}, {"code", code}, {"error", words}});
  return true;
}

}  // namespace

std::string cuda_text(double version) {
  const int number = int_of(version);
  return fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

std::string cudnn_text(double version) {
  const int number = int_of(version);
  // Thousands of the major version up to 8, ten thousands from 9 on.
  const int major = number >= 90000 ? number / 10000 : number / 1000;
  const int rest = number >= 90000 ? number % 10000 : number % 1000;
  return fmt::format("{}.{}.{}", major, rest / 100, rest % 100);
}

std::string cc_text(double cc) {
  const int number = int_of(cc);
  return fmt::format("{}.{}", number / 10, number % 10);
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Library describe(const json& library, const Evidence& evidence) {
  Library described{.name = text_of(library, "name"),
                    .path = text_of(library, "target"),
                    .version = text_of(library, "version"),
                    .reason = {},
                    .others = {}};
  if (described.path.empty()) described.path = text_of(library, "path");
  if (described.version.empty()) described.version = version_in_name(described.path);
  // A mapped file has the name behind all links: the search knows what it is opened as.
  for (const auto& [soname, files] : evidence.files)
    for (const InspectedFile& file : files) {
      if (file.candidate.target != described.path) continue;
      described.name = soname;
      described.reason = file.candidate.reason;
    }
  for (const InspectedFile& file : evidence.files_of(described.name))
    if (file.candidate.target != described.path) described.others.push_back(file.candidate.target);
  return described;
}

bool blame_end(const ProbeResult& probe, const Evidence& evidence, Judgement& judgement) {
  if (probe.end != ProbeResult::End::crashed && probe.end != ProbeResult::End::timed_out)
    return blame_early_end(probe, judgement);
  const bool open = !probe.calls.empty() && !probe.calls.back().code;
  const std::string call = open ? probe.calls.back().name : "the probe";
  if (probe.end == ProbeResult::End::timed_out) {
    judgement.fail("ANY-HANG", fmt::format("{} did not return in {:.0f} s", call, probe.seconds),
                   {{"call", call}, {"seconds", fmt::format("{:.0f}", probe.seconds)}});
    return true;
  }
  std::string end = fmt::format("signal {} ({})", probe.signal, strsignal(probe.signal));
  if (const auto limit = evidence.surroundings.address_space_limit)
    end += fmt::format("; ulimit -v {}", megabytes(static_cast<double>(*limit)));
  // The loader dies of a damaged file without a word, also of one that another library needs.
  if (call.starts_with("dlopen("))
    for (const auto& [name, files] : evidence.files)
      if (!files.empty() && !files.front().elf.fault.empty()) {
        const InspectedFile& file = files.front();
        judgement.fail("3-BADFILE",
                       fmt::format("{}: {}; {} {}", call, end, file.candidate.path, file.elf.fault),
                       {{"path", file.candidate.path}, {"other", file.elf.fault}});
        judgement.findings.back().layer = judgement.row.layer;
        return true;
      }
  judgement.fail("ANY-CRASH", fmt::format("{}: {}", call, end), {{"call", call}, {"signal", end}});
  return true;
}

void blame_memory(const std::string& saw, const Evidence& evidence, Judgement& judgement) {
  Values values;
  const json& gpu = gpu_facts(evidence, judgement.gpu.value_or(0));
  std::string more;
  if (gpu.contains("memory_total")) {
    values["free"] = megabytes(number_of(gpu, "memory_free"));
    values["total"] = megabytes(number_of(gpu, "memory_total"));
    more += fmt::format("; {} of {} free", values["free"], values["total"]);
  }
  if (const std::string pids = holders(evidence); !pids.empty()) {
    values["pids"] = pids;
    more += "; held by " + pids;
  }
  if (const auto limit = evidence.surroundings.address_space_limit)
    more += fmt::format("; ulimit -v {}", megabytes(static_cast<double>(*limit)));
  judgement.fail("3-OOM", saw + more, values);
}

bool blame_cuda_code(const Call& call, const Evidence& evidence, Judgement& judgement) {
  if (!call.code) return false;
  const std::string saw = call.to_string();
  const std::string gpu = text_of(gpu_facts(evidence, judgement.gpu.value_or(0)), "name");
  switch (*call.code) {
    case 2:
      return blame_memory(saw, evidence, judgement), true;
    case 46: {
      Values values;
      if (const std::string pids = holders(evidence); !pids.empty()) values["pids"] = pids;
      if (!gpu.empty()) values["gpu"] = gpu;
      return judgement.fail("3-BUSY", saw, values), true;
    }
    case 214:
      return judgement.fail("1-ECC", saw, {{"gpu", gpu}}), true;
    default:
      return false;
  }
}

void measure(const std::string& name, double value, const std::string& unit, double expected,
             const Evidence& evidence, Cell& cell, Judgement& judgement) {
  if (!(value > 0)) return;
  cell.measurements.push_back({.name = name, .value = value, .unit = unit, .expected = expected});
  const double least = least_share(evidence.facts, name);
  if (expected > 0 && value < least * expected) {
    const std::string measured = fmt::format("{:.4g} {}", value, unit);
    const std::string due = fmt::format("{:.4g} {}", expected, unit);
    judgement.warn("ANY-SLOW", fmt::format("{}: {} of {}", name, measured, due),
                   {{"what", "@" + name}, {"measured", measured}, {"expected", due}});
  }
}

bool is_compat(const std::string& path) {
  for (size_t at = path.find("compat"); at != std::string::npos; at = path.find("compat", at + 1))
    if (path.substr(at + 6).starts_with("/") &&
        (at == 0 || path[at - 1] == '/' || path[at - 1] == '-'))
      return true;
  return false;
}

bool fails_at_the_card(const Evidence& evidence) {
  const KernelDriver& driver = evidence.machine.driver;
  const Call* init = evidence.libcuda.failed("cuInit");
  if (init && init->code && (*init->code == 100 || *init->code == 101 || *init->code == 999))
    return true;
  return driver.gpu_list_visible && driver.gpus.empty();
}

std::string log_line(const Evidence& evidence, std::string_view words, const PciGpu* gpu) {
  const bool several = evidence.machine.pci.gpus.size() > 1;
  for (const std::string& line : evidence.machine.log.lines) {
    if (lower(line).find(lower(std::string(words))) == std::string::npos) continue;
    // A line names its card, "0000:3b:00" with the function's number or without.
    if (gpu && several && line.find(gpu->address.substr(0, 10)) == std::string::npos) continue;
    return line;
  }
  return {};
}

const json& gpu_facts(const Evidence& evidence, size_t gpu) {
  const json& gpus = list_of(evidence.libcuda.facts, "gpus");
  return gpu < gpus.size() && gpus[gpu].is_object() ? gpus[gpu] : kNull;
}

void Judgement::add(Severity severity, std::string id, std::string saw, Values values) {
  const Entry* entry = catalogue().find(id);
  findings.push_back({.id = std::move(id),
                      .layer = entry ? entry->layer.value_or(row.layer) : row.layer,
                      .severity = severity,
                      .saw = std::move(saw),
                      .values = std::move(values),
                      .gpu = gpu});
}

bool Judgement::failed() const {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.severity == Severity::fail && (!gpu || finding.gpu == gpu);
  });
}

int Evidence::gpu_count() const {
  return int_of(libcuda.facts, "count");
}

const std::vector<InspectedFile>& Evidence::files_of(const std::string& soname) const {
  const auto found = files.find(soname);
  return found == files.end() ? kNoFiles : found->second;
}

Judgement judge(Layer layer, const Evidence& evidence) {
  switch (layer) {
    case Layer::pci:
      return judge_pci(evidence);
    case Layer::driver:
      return judge_driver(evidence);
    case Layer::access:
      return judge_access(evidence);
    case Layer::libcuda:
      return judge_libcuda(evidence);
    case Layer::runtime:
      return judge_runtime(evidence);
    case Layer::cublas:
      return judge_cublas(evidence);
    case Layer::cudnn:
      return judge_cudnn(evidence);
    case Layer::nccl:
      return judge_nccl(evidence);
    case Layer::ops:
      return judge_ops(evidence);
    case Layer::training:
      return judge_training(evidence);
  }
  return Judgement(layer);
}

}  // namespace strata::stack_check
