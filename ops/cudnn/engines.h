// cuDNN's engines for an operation: which there are, which of them this project may take, and in
// what order they are preferred.
//
// An engine may be taken if it
// - is deterministic;
// - sums in float32: no reduced reduction, no Winograd or FFT, whose transforms round intermediate
//   values that may be far larger than the result;
// - multiplies in float32 too: no tensor cores under fp32, which tf32 allows, and no conversion of
//   inputs below TF32's range under either;
// - is precompiled: those compiled at run time cost up to two seconds each;
// - needs no more scratch memory than the limit.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ops/cudnn/graph.h"
#include "ops/settings.h"

namespace strata::cudnn {

/// What plans are for: the GPU of a handle or, to plan without one, the GPU that a device-property
/// descriptor describes (cuDNN 9.11 or newer reads one from JSON). One of the two is set.
struct PlanTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* device = nullptr;
};

struct PlanRules {
  Precision precision = Precision::fp32;
  int64_t workspace_limit = int64_t{256} << 20;  // bytes
  /// The number of an engine that is not taken, whatever it says about itself.
  std::optional<int64_t> refused = std::nullopt;
};

/// The plan of the shipped default: the heuristics' first, engine 0 only where there is no other.
/// Throws `device` when there is none: with `what` (the operation, for the message), how many
/// engines were looked at and why the last was passed over.
Plan find_plan(std::string_view what, const Descriptor& operation, const PlanTarget& target,
               const PlanRules& rules);

/// That plan and up to `most` others, to be measured: no engine with more than a few of its
/// settings. Throws as find_plan() does.
std::vector<Plan> find_plans(std::string_view what, const Descriptor& operation,
                             const PlanTarget& target, const PlanRules& rules, size_t most);

/// The plan whose `engine` this is, made without the heuristics, which take some 100 ms on their
/// first call. Nothing when this cuDNN has no such engine, or the rules forbid it.
std::optional<Plan> restore_plan(std::string_view engine, const Descriptor& operation,
                                 const PlanTarget& target, const PlanRules& rules);

}  // namespace strata::cudnn
