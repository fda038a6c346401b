#include <fmt/format.h>

#include "tools/bench/machine.h"
#include "tools/bench/report.h"

namespace strata::bench {
namespace {

/// Four figures, without an exponent.
std::string us(double seconds) {
  const double value = 1e6 * seconds;
  return value >= 1000  ? fmt::format("{:.0f}", value)
         : value >= 100 ? fmt::format("{:.1f}", value)
                        : fmt::format("{:.2f}", value);
}

std::string range(const Spread& seconds) {
  return fmt::format("{}–{}", us(seconds.low), us(seconds.high));
}

std::string percent(double share) {
  return fmt::format("{:.0f}", 100 * share);
}

std::string megabytes(size_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6);
}

/// Floor, what sets it, and the share of the measured time that it is.
std::string floor_cells(const std::optional<Floor>& floor, double seconds) {
  if (!floor) return "| | ";
  return fmt::format("{} | {} | {}", us(floor->seconds), floor->bound,
                     percent(floor->seconds / seconds));
}

std::string step_table(const Results& results) {
  std::string table =
      "## Training step\n\n"
      "| model | batch | kernels | precision | launch | µs a step | lowest–highest | images/s "
      "| TFLOP/s | floor µs | floor of | floor, % | peak MB |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const StepResult& step : results.steps) {
    const Configuration& at = step.configuration;
    const double seconds = step.seconds.median;
    table += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {:.0f} | {:.2f} | {} | {} |\n", name_of(at.model),
        at.batch_size, strata::name_of(at.kernels), strata::name_of(at.precision),
        name_of(at.launch), us(seconds), range(step.seconds),
        static_cast<double>(at.batch_size) / seconds, total_work(step).flops / seconds / 1e12,
        floor_cells(floor_of(step, results.ceilings), seconds), megabytes(step.peak_bytes));
  }
  return table;
}

bool same_step(const Configuration& a, const Configuration& b) {
  return a.to_string() == b.to_string();
}

std::string op_row(const OpResult& op, const Ceilings& ceilings) {
  const double seconds = op.seconds.median;
  const auto floor = floor_of(op.work, op.configuration.precision, ceilings);
  return fmt::format("| {} | {} | {} | {} | {} | {} | {:.0f} | {:.2f} | {} |\n", op.name, op.op,
                     op.backward ? "backward" : "forward", op.shapes, us(seconds),
                     range(op.seconds), op.work.bytes / seconds / 1e9,
                     op.work.flops / seconds / 1e12, floor_cells(floor, seconds));
}

std::string op_tables(const Results& results) {
  std::string tables = "## Ops of the step, one by one\n";
  for (size_t i = 0; i < results.ops.size();) {
    const Configuration& at = results.ops[i].configuration;
    tables += fmt::format(
        "\n### {}, batch {}, {}, {}\n\n"
        "| layer | op | pass | shapes | µs | lowest–highest | GB/s | TFLOP/s | floor µs | floor of "
        "| floor, % |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        name_of(at.model), at.batch_size, strata::name_of(at.kernels),
        strata::name_of(at.precision));
    double sum = 0;
    for (; i < results.ops.size() && same_step(results.ops[i].configuration, at); ++i) {
      tables += op_row(results.ops[i], results.ceilings);
      sum += results.ops[i].seconds.median;
    }
    tables += fmt::format("| all | | | | {} | | | | | | |\n", us(sum));
  }
  return tables;
}

std::string ceilings_table(const Ceilings& ceilings) {
  std::string table = "## Ceilings, measured\n\n| what | at most |\n|---|---|\n";
  const auto row = [&](const char* what, const char* key, std::optional<double> value, double unit,
                       const char* unit_name) {
    const auto reason = ceilings.missing.find(key);
    if (value)
      table += fmt::format("| {} | {:.3g} {} |\n", what, *value / unit, unit_name);
    else if (reason != ceilings.missing.end())
      table += fmt::format("| {} | unknown: {} |\n", what, reason->second);
  };
  row("copy in device memory, read + written", "", ceilings.copy_rate, 1e12, "TB/s");
  row("copy in the L2 cache, read + written", "", ceilings.l2_copy_rate, 1e12, "TB/s");
  row("float32 multiply-adds", "", ceilings.fp32_flops, 1e12, "TFLOP/s");
  row("TF32 product, 8192³", "tf32_flops", ceilings.tf32_flops, 1e12, "TFLOP/s");
  row("bfloat16 product, 8192³", "bf16_flops", ceilings.bf16_flops, 1e12, "TFLOP/s");
  row("a dependent node of a CUDA graph", "", ceilings.node_seconds, 1e-6, "µs");
  row("a turn of a CUDA graph's while node, beyond its kernels", "while_turn_seconds",
      ceilings.while_turn_seconds, 1e-6, "µs");
  return table;
}

std::string host_table(const Results& results) {
  std::string table = "## Host\n\n| what | µs | µs of a CPU |\n|---|---|---|\n";
  for (const HostResult& host : results.host)
    table += fmt::format("| {} | {:.3f} | {:.3f} |\n", host.name, 1e6 * host.seconds,
                         1e6 * host.cpu_seconds);
  return table;
}

}  // namespace

std::string markdown_report(const Results& results) {
  std::string text =
      fmt::format("Strata {} on {}; {}; {}; medians of {} blocks\n", STRATA_VERSION,
                  machine_line(results.device), results.data, today(), results.repeats);
  if (results.ceilings.copy_rate) text += fmt::format("\n{}", ceilings_table(results.ceilings));
  if (!results.steps.empty()) text += fmt::format("\n{}", step_table(results));
  if (!results.ops.empty()) text += fmt::format("\n{}", op_tables(results));
  if (!results.host.empty()) text += fmt::format("\n{}", host_table(results));
  for (const std::string& note : results.notes) text += fmt::format("\nNot measured: {}\n", note);
  return text;
}

}  // namespace strata::bench
