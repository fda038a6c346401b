#include <nlohmann/json.hpp>

#include "tests/fuzz/targets.h"
#include "tools/stack_check/judge/judge.h"
#include "tools/stack_check/show/show.h"

namespace strata::fuzz {
namespace {

using namespace stack_check;

Evidence evidence_of(const ProbeResult& probe) {
  Evidence evidence{.facts = stack_check::facts(),
                    .machine = {},
                    .surroundings = {},
                    .files = {},
                    .stub_folders = {},
                    .holders = {},
                    .libcuda = probe,
                    .libcuda_of_all = probe,
                    .nvml = probe,
                    .probes = {},
                    .nccl_without_p2p = probe};
  evidence.machine.pci.visible = true;
  evidence.machine.pci.gpus.resize(2);
  evidence.machine.driver.loaded = true;
  evidence.surroundings.visible_devices = "0";
  for (const Layer layer : kLayers)
    if (layer > Layer::libcuda) evidence.probes[layer] = {probe, probe};
  return evidence;
}

/// Every judge's word on a report, as text and as JSON.
void judge_all(const ProbeResult& probe) {
  const Evidence evidence = evidence_of(probe);
  Report report;
  for (const Layer layer : kLayers) {
    Judgement judgement = judge(layer, evidence);
    for (Finding& finding : judgement.findings) {
      require(stack_check::catalogue().find(finding.id) != nullptr);
      report.findings.push_back(std::move(finding));
    }
    report.rows.push_back(std::move(judgement.row));
  }
  for (const Language language : {Language::en, Language::zh})
    require(!to_text(report, language).empty());
  require(nlohmann::json::accept(to_json(report, 0)));
  make_anonymous(report);
  require(nlohmann::json::accept(to_json(report, 0)));
}

}  // namespace

/// The first byte says how the probe ended; the rest is its report.
void probe_report(std::string_view input) {
  ProbeResult probe;
  const unsigned how = input.empty() ? 0 : static_cast<unsigned char>(input.front());
  probe.end = static_cast<ProbeResult::End>(how % 4);
  if (probe.end == ProbeResult::End::crashed) probe.signal = 11;
  if (probe.end == ProbeResult::End::finished) probe.exit_code = how / 4 % 2;
  read_report(input.substr(std::min<size_t>(1, input.size())), probe);
  require(probe.facts.is_object());
  probe.output = input;
  judge_all(probe);
}

}  // namespace strata::fuzz
