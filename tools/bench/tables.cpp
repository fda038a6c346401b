#include <fmt/format.h>

#include <span>

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

/// FLOP/s in the unit of the device's tables.
std::string rate(double flops, Device device) {
  return device == Device::cpu ? fmt::format("{:.1f}", flops / 1e9)
                               : fmt::format("{:.2f}", flops / 1e12);
}

constexpr const char* unit_of(Device device) {
  return device == Device::cpu ? "GFLOP/s" : "TFLOP/s";
}

/// FLOP/s, and their share of the measured peak.
std::string flops_cells(const Work& work, double seconds, const Configuration& at,
                        const Results& results) {
  const auto share = share_of_peak(work, seconds, at.precision, results.ceilings_of(at));
  return fmt::format("{} | {}", rate(work.flops / seconds, results.device),
                     share ? percent(*share) : "");
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

/// Columns that only the CPU's tables have.
struct CpuColumns {
  std::string heads, rules;
};
CpuColumns cpu_columns(const Results& results) {
  if (results.device != Device::cpu) return {};
  return {"threads | times the first | ", "---|---|"};
}

std::string cpu_cells(const StepResult& step) {
  if (step.configuration.threads == 0) return "";
  return fmt::format("{} | {} | ", step.configuration.threads,
                     step.speed_up ? fmt::format("{:.2f}", *step.speed_up) : "");
}

std::string step_table(const Results& results) {
  const CpuColumns cpu = cpu_columns(results);
  std::string table = fmt::format(
      "## Training step\n\n"
      "| model | batch | kernels | precision | launch | {}µs a step | lowest–highest | images/s "
      "| {} | of peak, % | floor µs | floor of | floor, % | peak MB |\n"
      "|---|---|---|---|---|{}---|---|---|---|---|---|---|---|---|\n",
      cpu.heads, unit_of(results.device), cpu.rules);
  for (const StepResult& step : results.steps) {
    const Configuration& at = step.configuration;
    const double seconds = step.seconds.median;
    table += fmt::format(
        "| {} | {} | {} | {} | {} | {}{} | {} | {:.0f} | {} | {} | {} |\n", at.model_name(),
        at.batch_size, strata::name_of(at.kernels), strata::name_of(at.precision),
        name_of(at.launch), cpu_cells(step), us(seconds), range(step.seconds),
        static_cast<double>(at.batch_size) / seconds,
        flops_cells(total_work(step), seconds, at, results),
        floor_cells(floor_of(step, results.ceilings_of(at)), seconds), megabytes(step.peak_bytes));
  }
  return table;
}

/// "mlp, batch 4, own, fp32, threads: 2"
std::string title_of(const Configuration& at, bool with_model) {
  return fmt::format("{}batch {}, {}, {}{}", with_model ? at.model_name() + ", " : "",
                     at.batch_size, strata::name_of(at.kernels), strata::name_of(at.precision),
                     at.threads > 0 ? fmt::format(", threads: {}", at.threads) : "");
}

std::string op_row(const OpResult& op, const Results& results) {
  const double seconds = op.seconds.median;
  const Configuration& at = op.configuration;
  const auto floor = floor_of(op.work, at.precision, results.ceilings_of(at));
  return fmt::format("| {} | {} | {} | {} | {} | {} | {:.0f} | {} | {} |\n", op.name, op.op,
                     op.backward ? "backward" : "forward", op.shapes, us(seconds),
                     range(op.seconds), op.work.bytes / seconds / 1e9,
                     flops_cells(op.work, seconds, at, results), floor_cells(floor, seconds));
}

/// The passes of all ops in a row.
std::string sum_row(const std::vector<OpResult>& ops, const Results& results) {
  double seconds = 0;
  Work work;
  for (const OpResult& op : ops) {
    seconds += op.seconds.median;
    work += op.work;
  }
  return fmt::format("| all | | | | {} | | | {} | | | |\n", us(seconds),
                     flops_cells(work, seconds, ops[0].configuration, results));
}

/// Results of one configuration stand in a row.
std::vector<std::vector<OpResult>> by_configuration(const std::vector<OpResult>& ops) {
  std::vector<std::vector<OpResult>> groups;
  for (const OpResult& op : ops) {
    if (groups.empty() ||
        groups.back()[0].configuration.to_string() != op.configuration.to_string())
      groups.emplace_back();
    groups.back().push_back(op);
  }
  return groups;
}

std::string op_tables(const Results& results) {
  std::string tables = "## Ops of the step, one by one\n";
  for (const std::vector<OpResult>& ops : by_configuration(results.ops)) {
    tables += fmt::format(
        "\n### {}\n\n"
        "| layer | op | pass | shapes | µs | lowest–highest | GB/s | {} | of peak, % | floor µs "
        "| floor of | floor, % |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        title_of(ops[0].configuration, true), unit_of(results.device));
    for (const OpResult& op : ops) tables += op_row(op, results);
    tables += sum_row(ops, results);
  }
  return tables;
}

std::string dense_tables(const Results& results) {
  std::string tables = "## Products of dense layers\n";
  for (const std::vector<OpResult>& ops : by_configuration(results.dense)) {
    tables += fmt::format(
        "\n### {}\n\n| layer | product | µs | lowest–highest | {} | of peak, % |\n"
        "|---|---|---|---|---|---|\n",
        title_of(ops[0].configuration, false), unit_of(results.device));
    for (const OpResult& op : ops) {
      const double seconds = op.seconds.median;
      tables +=
          fmt::format("| {} | {} | {} | {} | {} |\n", op.name, op.op, us(seconds),
                      range(op.seconds), flops_cells(op.work, seconds, op.configuration, results));
    }
  }
  return tables;
}

/// A line of the table of ceilings.
struct CeilingRow {
  const char *what, *key;
  std::optional<double> Ceilings::*value;
  double unit;
  const char* unit_name;
};

constexpr CeilingRow kGpuRows[] = {
    {"copy in device memory, read + written", "", &Ceilings::copy_rate, 1e12, "TB/s"},
    {"copy in the L2 cache, read + written", "", &Ceilings::l2_copy_rate, 1e12, "TB/s"},
    {"float32 multiply-adds", "", &Ceilings::fp32_flops, 1e12, "TFLOP/s"},
    {"TF32 product, 8192³", "tf32_flops", &Ceilings::tf32_flops, 1e12, "TFLOP/s"},
    {"bfloat16 product, 8192³", "bf16_flops", &Ceilings::bf16_flops, 1e12, "TFLOP/s"},
    {"a dependent node of a CUDA graph", "", &Ceilings::node_seconds, 1e-6, "µs"},
    {"a turn of a CUDA graph's while node, beyond its kernels", "while_turn_seconds",
     &Ceilings::while_turn_seconds, 1e-6, "µs"}};
constexpr CeilingRow kCpuRows[] = {
    {"copy in memory, read + written", "", &Ceilings::copy_rate, 1e9, "GB/s"},
    {"copy in the last cache, read + written", "l3_copy_bytes_per_second", &Ceilings::l3_copy_rate,
     1e9, "GB/s"},
    {"copy in the cores' L2 caches, read + written", "l2_copy_bytes_per_second",
     &Ceilings::l2_copy_rate, 1e9, "GB/s"},
    {"float32 multiply-adds", "", &Ceilings::fp32_flops, 1e9, "GFLOP/s"},
    {"bfloat16 products added to float32", "bf16_flops", &Ceilings::bf16_flops, 1e9, "GFLOP/s"},
    {"a parallel_for with nothing to do", "", &Ceilings::parallel_seconds, 1e-6, "µs"}};

std::string ceiling_cell(const CeilingRow& row, const Ceilings& ceilings) {
  if (const auto value = ceilings.*row.value)
    return fmt::format("{:.3g} {}", *value / row.unit, row.unit_name);
  const auto reason = ceilings.missing.find(row.key);
  return reason == ceilings.missing.end() ? "" : "unknown: " + reason->second;
}

/// A column for each number of the CPU's threads.
std::string ceilings_table(const std::vector<Ceilings>& all) {
  const bool cpu = all[0].threads > 0;
  std::string table = "## Ceilings, measured\n\n| what |", rules = "|---|";
  for (const Ceilings& ceilings : all) {
    table += cpu ? fmt::format(" threads: {} |", ceilings.threads) : " at most |";
    rules += "---|";
  }
  table += "\n" + rules + "\n";
  for (const CeilingRow& row : cpu ? std::span<const CeilingRow>(kCpuRows) : kGpuRows) {
    std::string cells;
    for (const Ceilings& ceilings : all) cells += fmt::format(" {} |", ceiling_cell(row, ceilings));
    if (cells.find_first_not_of(" |") != std::string::npos)
      table += fmt::format("| {} |{}\n", row.what, cells);
  }
  if (cpu) table += fmt::format("\nMultiply-adds are those of {}.\n", all[0].instructions);
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
  if (!results.ceilings.empty()) text += fmt::format("\n{}", ceilings_table(results.ceilings));
  if (!results.steps.empty()) text += fmt::format("\n{}", step_table(results));
  if (!results.ops.empty()) text += fmt::format("\n{}", op_tables(results));
  if (!results.dense.empty()) text += fmt::format("\n{}", dense_tables(results));
  if (!results.host.empty()) text += fmt::format("\n{}", host_table(results));
  for (const std::string& note : results.notes) text += fmt::format("\nNot measured: {}\n", note);
  return text;
}

}  // namespace strata::bench
