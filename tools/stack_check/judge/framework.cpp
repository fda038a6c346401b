// Layers 18 and 19: Strata itself, its ops against the CPU's and a training that must learn.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/stack_check/judge/common.h"

namespace strata::stack_check {
namespace {

using nlohmann::json;

bool blame_build(const ProbeResult& probe, Judgement& judgement) {
  if (flag_of(probe.facts, "gpu_code", true)) return false;
  judgement.fail("8-CPU", "stack_probe was built without GPU code");
  return true;
}

/// An op's error message holds the layer's own words: CUDA's out of memory among them.
void blame_call(const Call& call, const Evidence& evidence, Judgement& judgement) {
  const std::string words = lower(call.words);
  if (words.find("memory allocation") != std::string::npos ||
      words.find("out of memory") != std::string::npos ||
      words.find("not enough memory") != std::string::npos)
    blame_memory(call.to_string(), evidence, judgement);
  else
    judgement.fail("ANY-ERROR", call.to_string(), {{"call", call.name}, {"error", call.words}});
}

void judge_ops_of(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
                  Judgement& judgement) {
  if (blame_end(probe, evidence, judgement) || blame_build(probe, judgement)) return;
  if (const Call* call = probe.first_failure()) return blame_call(*call, evidence, judgement);
  double worst = 0;
  for (const json& op : list_of(probe.facts, "ops")) {
    const double tolerance = number_of(op, "tolerance");
    const double error =
        std::max(number_of(op, "output_error", 1), number_of(op, "gradient_error"));
    worst = std::max(worst, error);
    if (error <= tolerance) continue;
    const std::string what = fmt::format("{} ({})", text_of(op, "op"), text_of(op, "rung"));
    return judgement.fail("ANY-WRONG", fmt::format("{}: relative error {:.2g}", what, error),
                          {{"what", what},
                           {"gpu", text_of(gpu_facts(evidence, gpu), "name")},
                           {"measured", fmt::format("{:.2g}", error)},
                           {"expected", fmt::format("{:.0e}", tolerance)}});
  }
  const size_t count = list_of(probe.facts, "ops").size();
  if (count == 0)
    return judgement.fail("ANY-ERROR", "the probe compared nothing", {{"call", "ops"}});
  cell.text = {"cell_ops",
               {{"what", std::to_string(count)}, {"measured", fmt::format("{:.1g}", worst)}}};
}

/// The largest relative difference of the first losses; 1 if they cannot be compared.
double difference_of_losses(const ProbeResult& probe) {
  const json& gpu = list_of(probe.facts, "first_losses");
  const json& cpu = list_of(probe.facts, "first_losses_cpu");
  if (gpu.empty() || gpu.size() != cpu.size()) return 1;
  double worst = 0;
  for (size_t i = 0; i < gpu.size(); ++i) {
    if (!gpu[i].is_number() || !cpu[i].is_number()) return 1;
    const double expected = cpu[i].get<double>();
    worst = std::max(worst, std::abs(gpu[i].get<double>() - expected) / std::abs(expected));
  }
  return worst;
}

void judge_learning(const ProbeResult& probe, const TrainingBand& band, Judgement& judgement) {
  const double accuracy = number_of(probe.facts, "accuracy");
  const double loss = number_of(probe.facts, "loss", 1e30);
  const double difference = difference_of_losses(probe);
  const auto blame = [&](const std::string& measured, const std::string& expected) {
    judgement.fail("9-TRAIN", fmt::format("{}; expected {}", measured, expected),
                   {{"measured", measured}, {"expected", expected}});
  };
  // Not "worse than": a NaN is worse than nothing.
  if (!(difference <= band.loss_tolerance))
    blame(fmt::format("the first losses differ from the CPU's by {:.2g}", difference),
          fmt::format("at most {:.2g}", band.loss_tolerance));
  else if (!(loss <= band.greatest_loss))
    blame(fmt::format("loss {:.4f}", loss), fmt::format("at most {}", band.greatest_loss));
  else if (!(accuracy >= band.least_accuracy))
    blame(fmt::format("accuracy {:.2f} %", accuracy),
          fmt::format("at least {} %", band.least_accuracy));
  else if (!flag_of(probe.facts, "same_bits"))
    blame("two runs from one seed gave different weights", "the same bits");
}

void judge_training_of(const ProbeResult& probe, size_t gpu, const Evidence& evidence, Cell& cell,
                       Judgement& judgement) {
  if (blame_end(probe, evidence, judgement) || blame_build(probe, judgement)) return;
  if (const Call* call = probe.first_failure()) return blame_call(*call, evidence, judgement);
  const std::string data = text_of(probe.facts, "data");
  const TrainingBand* band = training_band(evidence.facts, data);
  if (!band)
    return judgement.fail("ANY-ERROR", fmt::format("no band for data '{}'", data),
                          {{"call", "training"}});
  judge_learning(probe, *band, judgement);
  const double step = number_of(probe.facts, "step_us");
  const std::string name = text_of(gpu_facts(evidence, gpu), "name");
  const bool slice = name.find("MIG") != std::string::npos;
  const double known = slice ? 0 : training_step_us(evidence.facts, name);
  if (step > 0) cell.measurements.push_back({"training_step", step, "us", known, true});
  if (known > 0 && step > known * evidence.facts.slow_step_factor)
    judgement.warn("ANY-SLOW", fmt::format("training step: {:.0f} us", step),
                   {{"what", "@training_step"},
                    {"measured", fmt::format("{:.0f} us", step)},
                    {"expected", fmt::format("{:.0f} us", known)}});
  cell.text = {"cell_training",
               {{"what", data},
                {"accuracy", fmt::format("{:.2f}", number_of(probe.facts, "accuracy"))},
                {"steps", fmt::format("{:.0f}", number_of(probe.facts, "steps"))},
                {"loss", fmt::format("{:.4f}", number_of(probe.facts, "loss"))}}};
}

}  // namespace

Judgement judge_ops(const Evidence& evidence) {
  return judge_each(Layer::ops, evidence,
                    [&](const ProbeResult& probe, size_t gpu, Cell& cell, Judgement& judgement) {
                      judge_ops_of(probe, gpu, evidence, cell, judgement);
                    });
}

Judgement judge_training(const Evidence& evidence) {
  return judge_each(Layer::training, evidence,
                    [&](const ProbeResult& probe, size_t gpu, Cell& cell, Judgement& judgement) {
                      judge_training_of(probe, gpu, evidence, cell, judgement);
                    });
}

}  // namespace strata::stack_check
