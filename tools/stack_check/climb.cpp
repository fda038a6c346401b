#include "tools/stack_check/climb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <stdexcept>

#include "tools/stack_check/judge/common.h"
#include "tools/stack_check/look.h"

namespace strata::stack_check {
namespace {

using Environment = std::map<std::string, std::optional<std::string>>;

constexpr int kMostGpus = 64;  // a damaged driver may count any number

class Climb {
 public:
  explicit Climb(const ClimbOptions& options)
      : options_(options), evidence_(look(options.root, options.probe)) {
    for (const Layer layer : kLayers)
      report_.rows.push_back({.layer = layer, .status = Status::skipped, .text = "not_asked"});
  }

  Report run() {
    for (const Layer layer : {Layer::pci, Layer::driver, Layer::access}) {
      options_.on_layer(layer);
      take(judge(layer, evidence_));
    }
    if (options_.to >= Layer::libcuda) {
      check_program();
      reach_driver();
    }
    settle_lower_layers();
    for (const Layer layer : kLayers)
      if (layer > Layer::libcuda && asked(layer) && !broken_) climb_to(layer);
    finish();
    return std::move(report_);
  }

 private:
  bool asked(Layer layer) const { return layer >= options_.from && layer <= options_.to; }
  Row& row(Layer layer) {
    return report_.rows[static_cast<size_t>(layer) - static_cast<size_t>(Layer::pci)];
  }

  void check_program() const {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(options_.probe, ignored) ||
        access(options_.probe.c_str(), X_OK) != 0)
      throw std::runtime_error(fmt::format(
          "{} is missing or cannot be run; it belongs beside stack_check", options_.probe));
  }

  ProbeResult probe(const std::string& name, Environment environment = {}) {
    std::vector<std::string> arguments = {name};
    if (options_.quick) arguments.push_back("--quick");
    // A compiled kernel would otherwise be kept in the user's home: this tool leaves nothing
    // behind.
    environment["CUDA_CACHE_DISABLE"] = "1";
    const double limit = options_.timeout_seconds.value_or(time_limit(evidence_.facts, name).limit);
    return run_probe(options_.probe, arguments,
                     {.timeout_seconds = limit, .environment = std::move(environment)});
  }

  /// Libcuda and NVML, whose words often explain what lies below them.
  void reach_driver() {
    options_.on_layer(Layer::libcuda);
    evidence_.nvml = probe("nvml");
    evidence_.libcuda = probe("libcuda");
    if (evidence_.surroundings.visible_devices)
      evidence_.libcuda_of_all = probe("libcuda", {{"CUDA_VISIBLE_DEVICES", std::nullopt}});
    if (evidence_.libcuda.end == ProbeResult::End::not_started)
      throw std::runtime_error(
          fmt::format("{} does not start: {}", options_.probe, evidence_.libcuda.output));
    // Again: the first use of the driver loads modules and makes device files, and what it answered
    // says more of the layers below.
    evidence_.machine = read_machine(Root(options_.root));
    for (const Layer layer : {Layer::pci, Layer::driver, Layer::access, Layer::libcuda})
      take(judge(layer, evidence_));
  }

  void take(Judgement judgement) {
    const Layer layer = judgement.row.layer;
    std::erase_if(findings_, [&](const auto& known) { return known.first == layer; });
    for (Finding& finding : judgement.findings) findings_.emplace_back(layer, std::move(finding));
    if (asked(layer)) row(layer) = std::move(judgement.row);
  }

  bool failed_at(Layer judged) const {
    return std::any_of(findings_.begin(), findings_.end(), [&](const auto& known) {
      return known.first == judged && known.second.severity == Severity::fail;
    });
  }

  /// A driver that works overrules what the layers below it seemed to be: not seen is not broken.
  void settle_lower_layers() {
    if (options_.to >= Layer::libcuda && !failed_at(Layer::libcuda)) overrule_lower_layers();
    find_broken();
  }

  void overrule_lower_layers() {
    const size_t cards = evidence_.machine.pci.gpus.size();
    const ProbeResult& all = evidence_.libcuda_of_all.value_or(evidence_.libcuda);
    // A container is given some of the cards: the others are not its own.
    const bool all_seen = number_of(all.facts, "count") >= static_cast<double>(cards) ||
                          !evidence_.machine.access.container.empty();
    std::erase_if(findings_, [&](auto& known) {
      auto& [layer, finding] = known;
      if (layer >= Layer::libcuda || finding.severity != Severity::fail) return false;
      if (finding.gpu && !all_seen) return false;  // CUDA works, on the others
      // NVML and nvidia-smi stay broken by it even where CUDA bears it.
      if (finding.id == "1-MISMATCH") finding.severity = Severity::warn;
      if (finding.severity == Severity::fail) overrule(layer);
      return finding.severity == Severity::fail;
    });
    for (const Layer layer : {Layer::pci, Layer::driver, Layer::access})
      if (row(layer).status == Status::unknown) overrule(layer);
  }

  void overrule(Layer layer) {
    if (!asked(layer)) return;
    row(layer).status = Status::ok;
    row(layer).text = {"overruled", {{"layer", "libcuda"}}};
  }

  void find_broken() {
    for (const auto& [layer, finding] : findings_)
      if (finding.severity == Severity::fail && (!broken_ || finding.layer < *broken_))
        broken_ = finding.layer;
  }

  void climb_to(Layer layer) {
    if (options_.quick && layer >= Layer::nccl) return skip(layer, "quick");
    const auto gpus = static_cast<size_t>(std::clamp(evidence_.gpu_count(), 1, kMostGpus));
    if (layer == Layer::nccl && gpus < 2) return skip(layer, "one_gpu");
    options_.on_layer(layer);
    if (layer == Layer::nccl)
      probe_nccl();
    else
      for (size_t gpu = 0; gpu < gpus; ++gpu)
        evidence_.probes[layer].push_back(probe(std::string(name_of(layer)), only(gpu, gpus)));
    if (without_gpu_code(layer)) {
      row(layer) = {.layer = layer, .status = Status::unknown, .text = "no_gpu_code"};
      return;
    }
    take(judge(layer, evidence_));
    if (failed_at(layer)) keep_output(layer);
    find_broken();
  }

  /// A build for the CPU says so on the layer of the ops, whose fault it is.
  bool without_gpu_code(Layer layer) {
    return layer < Layer::ops && !flag_of(evidence_.probes[layer].front().facts, "gpu_code", true);
  }

  void probe_nccl() {
    evidence_.probes[Layer::nccl] = {probe("nccl")};
    if (evidence_.probes[Layer::nccl].front().end == ProbeResult::End::timed_out)
      evidence_.nccl_without_p2p = probe("nccl", {{"NCCL_P2P_DISABLE", "1"}});
  }

  /// Shows a probe one of several GPUs.
  Environment only(size_t gpu, size_t gpus) const {
    const std::string uuid = text_of(gpu_facts(evidence_, gpu), "uuid");
    if (gpus < 2 || uuid.empty()) return {};
    return {{"CUDA_VISIBLE_DEVICES", uuid}};
  }

  void skip(Layer layer, const std::string& text) {
    row(layer) = {.layer = layer, .status = Status::skipped, .text = text};
  }

  void keep_output(Layer layer) {
    for (const ProbeResult& result : evidence_.probes[layer])
      if (row(layer).output.empty()) row(layer).output = result.output;
  }

  void finish() {
    for (auto& [judged, finding] : findings_) {
      const bool above = broken_ && (finding.layer > *broken_ || judged > *broken_);
      const bool verdict =
          broken_ && finding.layer == *broken_ && finding.severity == Severity::fail;
      if (!verdict && (above || !asked(finding.layer))) continue;
      mark(finding);
      report_.findings.push_back(std::move(finding));
    }
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](const auto& a, const auto& b) {
                       return std::pair(-static_cast<int>(a.severity), a.layer) <
                              std::pair(-static_cast<int>(b.severity), b.layer);
                     });
    if (broken_) block_above();
    describe();
  }

  void mark(const Finding& finding) {
    Row& marked = row(finding.layer);
    if (finding.severity == Severity::fail) marked.status = Status::fail;
    if (finding.severity == Severity::warn && marked.status == Status::ok)
      marked.status = Status::warn;
    if (finding.gpu && static_cast<size_t>(*finding.gpu) < marked.cells.size() &&
        finding.severity != Severity::note)
      marked.cells[*finding.gpu].status =
          finding.severity == Severity::fail ? Status::fail : Status::warn;
  }

  void block_above() {
    for (Row& above : report_.rows) {
      if (above.layer <= *broken_ || above.layer > options_.to) continue;
      const bool noticed = failed_at(above.layer), untried = above.status == Status::skipped;
      if (!noticed && !(untried && asked(above.layer))) continue;
      above = {.layer = above.layer,
               .status = Status::blocked,
               .text = {"blocked_by", {{"layer", std::string(name_of(*broken_))}}},
               .libraries = std::move(above.libraries),
               .seconds = above.seconds,
               .output = std::move(above.output)};
    }
  }

  void describe() {
    const Machine& machine = evidence_.machine;
    for (const nlohmann::json& gpu : list_of(evidence_.libcuda.facts, "gpus"))
      report_.gpus.push_back(text_of(gpu, "name"));
    const auto cuda = [](double version) {
      return version > 0 ? cuda_text(version) : std::string();
    };
    report_.versions = {{"facts", evidence_.facts.date},
                        {"driver", machine.driver.version},
                        {"driver_cuda", cuda(number_of(evidence_.libcuda.facts, "driver_cuda"))},
                        {"toolkit_cuda", evidence_.surroundings.toolkit_cuda}};
    if (const auto found = evidence_.probes.find(Layer::runtime); found != evidence_.probes.end())
      report_.versions["runtime_cuda"] =
          cuda(number_of(found->second.front().facts, "runtime_cuda"));
    report_.host = {{"name", machine.host_name},
                    {"distribution", machine.distribution},
                    {"kernel", machine.driver.kernel},
                    {"container", machine.access.container}};
    report_.no_gpu = machine.pci.gpus.empty() && !machine.access.dxg && !machine.driver.loaded &&
                     std::none_of(machine.access.nodes.begin(), machine.access.nodes.end(),
                                  [](const DeviceNode& node) { return node.error == 0; }) &&
                     broken_.has_value();
  }

  const ClimbOptions& options_;
  Evidence evidence_;
  Report report_;
  std::vector<std::pair<Layer, Finding>> findings_;  // with the layer that was judged
  std::optional<Layer> broken_;
};

}  // namespace

Report climb(const ClimbOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Report report = Climb(options).run();
  make_printable(report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace strata::stack_check
