// The results as tables for people and as JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/bench/ceilings.h"
#include "tools/bench/host.h"
#include "tools/bench/ops.h"
#include "tools/bench/step.h"

namespace strata::bench {

struct Results {
  Device device = Device::cpu;
  std::string data;  // "mnist: 60000 images of 28x28x1"
  int repeats = 0;
  std::vector<Ceilings> ceilings = {};  // the GPU's, or the CPU's for each number of threads
  std::vector<StepResult> steps = {};
  std::vector<OpResult> ops = {}, dense = {};
  std::vector<HostResult> host = {};
  std::vector<std::string> notes = {};  // what could not be measured, and why

  /// Empty ones where none were measured.
  const Ceilings& ceilings_of(const Configuration& configuration) const;
  bool empty() const {
    return steps.empty() && ops.empty() && dense.empty() && host.empty() && ceilings.empty();
  }
};

Work total_work(const StepResult& step);
/// The floors of its ops' passes, one after another; nothing when the ceilings are not known.
std::optional<Floor> floor_of(const StepResult& step, const Ceilings& ceilings);
/// FLOP a second as a share of what multiply-adds alone reach; nothing when either is not known.
std::optional<double> share_of_peak(const Work& work, double seconds, Precision precision,
                                    const Ceilings& ceilings);

/// "2026-11-24"
std::string today();

nlohmann::json to_json(const Configuration& configuration);
/// In microseconds.
nlohmann::json to_json(const Spread& seconds);

nlohmann::json json_report(const Results& results);
std::string markdown_report(const Results& results);

}  // namespace strata::bench
