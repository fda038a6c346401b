#include "tools/bench/report.h"

#include <algorithm>
#include <ctime>

#include "tools/bench/machine.h"

namespace strata::bench {
namespace {

using nlohmann::json;

json to_json(const Ceilings& ceilings) {
  json result = json::object();
  const auto add = [&](const char* name, std::optional<double> value) {
    if (value) result[name] = *value;
  };
  if (ceilings.threads > 0) {
    result["threads"] = ceilings.threads;
    result["instructions"] = ceilings.instructions;
  }
  add("copy_bytes_per_second", ceilings.copy_rate);
  add("l3_copy_bytes_per_second", ceilings.l3_copy_rate);
  add("l2_copy_bytes_per_second", ceilings.l2_copy_rate);
  add("fp32_flops", ceilings.fp32_flops);
  add("tf32_flops", ceilings.tf32_flops);
  add("bf16_flops", ceilings.bf16_flops);
  add("node_seconds", ceilings.node_seconds);
  add("while_turn_seconds", ceilings.while_turn_seconds);
  add("parallel_seconds", ceilings.parallel_seconds);
  if (!ceilings.missing.empty()) result["unknown"] = ceilings.missing;
  return result;
}

void add_roofline(json& to, const Work& work, double seconds, const std::optional<Floor>& floor,
                  std::optional<double> share_of_peak) {
  to["flop"] = work.flops;
  to["bytes"] = work.bytes;
  to["flops"] = work.flops / seconds;
  to["bytes_per_second"] = work.bytes / seconds;
  if (share_of_peak) to["share_of_peak"] = *share_of_peak;
  if (!floor) return;
  to["floor_us"] = 1e6 * floor->seconds;
  to["bound"] = floor->bound;
  to["share_of_floor"] = floor->seconds / seconds;
}

json to_json(const StepResult& step, const Ceilings& ceilings) {
  json result = to_json(step.configuration);
  result["us"] = to_json(step.seconds);
  result["images_per_second"] =
      static_cast<double>(step.configuration.batch_size) / step.seconds.median;
  result["steps_a_block"] = step.steps;
  result["peak_bytes"] = step.peak_bytes;
  result["parameters"] = step.parameters;
  result["loss"] = step.loss;
  if (step.speed_up) result["speed_up"] = *step.speed_up;
  const Work work = total_work(step);
  add_roofline(result, work, step.seconds.median, floor_of(step, ceilings),
               share_of_peak(work, step.seconds.median, step.configuration.precision, ceilings));
  return result;
}

json to_json(const OpResult& op, const Ceilings& ceilings) {
  json result = to_json(op.configuration);
  result["name"] = op.name;
  result["op"] = op.op;
  result["shapes"] = op.shapes;
  result["pass"] = op.backward ? "backward" : "forward";
  result["us"] = to_json(op.seconds);
  const Precision precision = op.configuration.precision;
  add_roofline(result, op.work, op.seconds.median, floor_of(op.work, precision, ceilings),
               share_of_peak(op.work, op.seconds.median, precision, ceilings));
  return result;
}

json to_json(const HostResult& host) {
  return {{"name", host.name},
          {"us", 1e6 * host.seconds},
          {"cpu_us", 1e6 * host.cpu_seconds},
          {"iterations", host.iterations}};
}

}  // namespace

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[11];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now));
  return text;
}

const Ceilings& Results::ceilings_of(const Configuration& configuration) const {
  static const Ceilings unknown;
  const auto found = std::ranges::find(ceilings, configuration.threads, &Ceilings::threads);
  return found == ceilings.end() ? unknown : *found;
}

Work total_work(const StepResult& step) {
  Work total;
  for (const OpWork& op : step.work) total += op.total();
  return total;
}

std::optional<double> share_of_peak(const Work& work, double seconds, Precision precision,
                                    const Ceilings& ceilings) {
  const std::optional<double> peak = ceilings.flops_at(precision);
  if (!peak || work.flops == 0) return std::nullopt;
  return work.flops / seconds / *peak;
}

std::optional<Floor> floor_of(const StepResult& step, const Ceilings& ceilings) {
  Floor total{.seconds = 0, .bound = "its ops in a row"};
  for (const OpWork& op : step.work) {
    for (const Work& pass : {op.forward, op.backward}) {
      if (pass.bytes == 0) continue;
      const auto floor = floor_of(pass, step.configuration.precision, ceilings);
      if (!floor) return std::nullopt;
      total.seconds += floor->seconds;
    }
  }
  return total;
}

json to_json(const Configuration& configuration) {
  json result = {{"model", name_of(configuration.model)},
                 {"batch_size", configuration.batch_size},
                 {"kernels", strata::name_of(configuration.kernels)},
                 {"precision", strata::name_of(configuration.precision)},
                 {"launch", name_of(configuration.launch)}};
  if (configuration.threads > 0) result["threads"] = configuration.threads;
  if (configuration.width > 0) result["width"] = configuration.width;
  return result;
}

json to_json(const Spread& seconds) {
  return {
      {"median", 1e6 * seconds.median}, {"low", 1e6 * seconds.low}, {"high", 1e6 * seconds.high}};
}

json json_report(const Results& results) {
  json report = {{"program", "bench"},
                 {"date", today()},
                 {"device", describe_device(results.device)},
                 {"versions", describe_versions(results.device)},
                 {"data", results.data},
                 {"repeats", results.repeats},
                 {"ceilings", json::array()},
                 {"step", json::array()},
                 {"ops", json::array()},
                 {"dense", json::array()},
                 {"host", json::array()},
                 {"notes", results.notes}};
  for (const Ceilings& ceilings : results.ceilings) report["ceilings"].push_back(to_json(ceilings));
  for (const StepResult& step : results.steps)
    report["step"].push_back(to_json(step, results.ceilings_of(step.configuration)));
  for (const OpResult& op : results.ops)
    report["ops"].push_back(to_json(op, results.ceilings_of(op.configuration)));
  for (const OpResult& op : results.dense)
    report["dense"].push_back(to_json(op, results.ceilings_of(op.configuration)));
  for (const HostResult& host : results.host) report["host"].push_back(to_json(host));
  return report;
}

}  // namespace strata::bench
