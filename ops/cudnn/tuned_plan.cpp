#include "ops/cudnn/tuned_plan.h"

#include <algorithm>

#include "ops/cuda/result_check.h"
#include "ops/tuning.h"
#include "tensor/cuda/libraries.h"
#include "tensor/pool.h"

namespace strata::cudnn {
namespace {

constexpr size_t kMostCandidates = 16;

std::string version(const std::string& /*engine*/) {
  return "cuDNN " + cuda::loaded_cudnn()->version;
}

Plan measured_plan(const FirstRun& run, const std::string& key, const PlanTarget& target) {
  std::vector<Plan> plans = find_plans(run.what, run.operation, target, run.rules, kMostCandidates);
  const ArenaScope memory(std::make_shared<Arena>(pool_of(Device::gpu)));  // of the losers, too
  Contest contest{.key = key, .version_of = version};
  for (const Plan& plan : plans)
    contest.candidates.push_back({plan.engine, [&] { execute(plan, run.bindings); }});
  cuda::ResultCheck check(run.result.data<float>(), run.result.size(),
                          cuda::tolerance_of_sums(run.rules.precision != Precision::fp32));
  run.own_kernel();
  check.keep();
  contest.objection = [&] { return check.objection(); };
  const std::string winner = tuner().measure(contest);
  Plan plan = std::move(*std::ranges::find(plans, winner, &Plan::engine));
  plan.chosen_by = fmt::format("measuring {} engines", plans.size());
  return plan;
}

}  // namespace

Plan choose_plan(const FirstRun& run) {
  const PlanTarget target{.handle = cuda::cudnn_handle()};
  const std::string key = fmt::format("cudnn {}, {}", run.what, name_of(run.rules.precision));
  if (const auto engine = tuner().recall(key, version))
    if (auto plan = restore_plan(*engine, run.operation, target, run.rules)) {
      plan->chosen_by = "an earlier measurement";
      return std::move(*plan);
    }
  if (tuner().measuring()) return measured_plan(run, key, target);
  Plan plan = find_plan(run.what, run.operation, target, run.rules);
  tuner().take_default(key, plan.engine);
  plan.chosen_by = "cuDNN's heuristics";
  return plan;
}

}  // namespace strata::cudnn
