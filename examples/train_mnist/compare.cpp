#include "examples/train_mnist/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "examples/train_mnist/models.h"
#include "examples/train_mnist/report.h"
#include "examples/train_mnist/trainer.h"
#include "ops/dispatch.h"
#include "tensor/build_config.h"
#include "tensor/cuda/libraries.h"
#include "tools/xray/compare.h"
#include "tools/xray/costs.h"
#include "tools/xray/take.h"

namespace strata::train_mnist {
namespace {

struct Rung {
  std::string name;
  Device device;
  Kernels kernels;
};

/// Why the vendor's rung is not among them; nothing when it is.
std::optional<std::string> why_no_library() {
  if constexpr (kHasCuda) {
    if (const auto& reason = cuda::why_no_cudnn()) return reason;
    return cuda::why_no_cublaslt();
  }
  return "this build has no GPU code";
}

std::vector<Rung> rungs_of(const Run& run) {
  std::vector<Rung> rungs{{"cpu reference", Device::cpu, Kernels::reference},
                          {"cpu own", Device::cpu, Kernels::own}};
  if (const auto& reason = why_no_onednn())
    fmt::print("  without cpu library: {}\n", *reason);
  else
    rungs.push_back({"cpu library", Device::cpu, Kernels::library});
  if (run.device == Device::cpu) return rungs;
  rungs.push_back({"gpu own", Device::gpu, Kernels::own});
  if (const auto reason = why_no_library())
    fmt::print("  without gpu library: {}\n", *reason);
  else
    rungs.push_back({"gpu library", Device::gpu, Kernels::library});
  return rungs;
}

void compare_numbers(const Run& run, const std::vector<Rung>& rungs) {
  std::vector<xray::Contender> contenders;
  for (const Rung& rung : rungs)
    contenders.push_back({rung.name, rung.device, rung.kernels, [&run](nn::Builder& builder) {
                            return make_model(run.options.model, run.dataset, builder);
                          }});
  const xray::CompareOptions options{.batch_size = run.options.batch_size,
                                     .seed = run.options.seed,
                                     .learning_rate = run.learning_rate,
                                     .make_optimizer = [&run](nn::FlatParameters& parameters) {
                                       return make_optimizer(run.options.optimizer, parameters);
                                     }};
  fmt::print("numbers: {} steps in strict float32, each from the plain loops' state\n",
             options.steps);
  std::fflush(stdout);
  for (const xray::Comparison& comparison : compare(contenders, run.dataset, options)) {
    if (comparison.tensors == 0) continue;  // the measure of the others
    const xray::Difference& worst = comparison.worst;
    fmt::print(
        "  {:<13} {} tensors equal the plain loops'; nearest to what is allowed: {}, step {}, off "
        "by {:.1e} of its largest number ({:.0e} allowed)\n",
        comparison.name, comparison.tensors, worst.tensor, worst.step, worst.error, worst.allowed);
  }
}

/// What a step costs on one rung.
struct Column {
  std::string name;
  std::vector<xray::Cost> costs;
  int64_t eager = 0;                // nanoseconds of a step by the clock
  std::optional<int64_t> captured;  // likewise, as a CUDA graph
  std::vector<std::string> notes;
};

Column measure(const Run& run, const Rung& rung) {
  Run here = run;
  here.device = rung.device;
  here.options.kernels = rung.kernels;
  const bool slow = rung.kernels == Kernels::reference;
  const SettingsScope settings({.kernels = rung.kernels, .precision = run.options.precision});
  const nn::DeviceDataset data = upload(here);
  const std::unique_ptr<Trainer> trainer = make_trainer(here, data);
  const xray::Effort once{.untraced = 1, .warm_up = 0, .traced = 1};
  const xray::Xray xray = xray::take(trainer->step(), {.captured = run.options.graph,
                                                       .precision = run.options.precision,
                                                       .roofline = false,
                                                       .effort = slow ? once : xray::Effort{}});
  Column column{.name = rung.name,
                .costs = xray::costs_by_layer(xray.views[0]),
                .eager = *xray.views[0].untraced,
                .captured = std::nullopt,
                .notes = xray.notes};
  if (xray.views.size() > 1) column.captured = xray.views[1].untraced;
  return column;
}

std::string microseconds(std::optional<int64_t> nanoseconds) {
  if (!nanoseconds) return "-";
  const double value = static_cast<double>(*nanoseconds) / 1e3;
  return fmt::format("{:.{}f}", value, value < 100 ? 1 : 0);
}

void print_row(const std::string& name, const std::vector<std::string>& cells) {
  fmt::print("| {:<32} |", name);
  for (const std::string& cell : cells) fmt::print(" {:>13} |", cell);
  fmt::print("\n");
}

/// Rows as the last column has them, whose ops are the coarsest, then what only others have.
std::vector<std::string> rows_of(const std::vector<Column>& columns) {
  std::vector<std::string> rows;
  for (auto column = columns.rbegin(); column != columns.rend(); ++column)
    for (const xray::Cost& cost : column->costs)
      if (std::ranges::find(rows, cost.what) == rows.end()) rows.push_back(cost.what);
  return rows;
}

std::optional<int64_t> cost_of(const Column& column, const std::string& row) {
  const auto found = std::ranges::find(column.costs, row, &xray::Cost::what);
  return found == column.costs.end() ? std::nullopt : std::optional(found->nanoseconds);
}

int64_t total(const Column& column) {
  int64_t sum = 0;
  for (const xray::Cost& cost : column.costs) sum += cost.nanoseconds;
  return sum;
}

/// In Markdown, as it stands in the README.
void print_costs(const std::vector<Column>& columns) {
  const auto row = [&](const std::string& name, const auto& cell) {
    std::vector<std::string> cells;
    for (const Column& column : columns) cells.push_back(cell(column));
    print_row(name, cells);
  };
  row("us a step", [](const Column& column) { return column.name; });
  print_row("---", std::vector<std::string>(columns.size(), "---:"));
  for (const std::string& what : rows_of(columns))
    row(what, [&](const Column& column) { return microseconds(cost_of(column, what)); });
  row("all", [](const Column& column) { return microseconds(total(column)); });
  row("a step by the clock", [](const Column& column) { return microseconds(column.eager); });
  row("the same as a CUDA graph",
      [](const Column& column) { return microseconds(column.captured); });
}

}  // namespace

void compare_kernels(const Run& run) {
  const Options& options = run.options;
  fmt::print("the kernels of a training step of {}, batches of {}, compared\n", model_name(options),
             options.batch_size);
  const std::vector<Rung> rungs = rungs_of(run);
  compare_numbers(run, rungs);

  fmt::print("\ncosts, at {} on the GPU: rows are time at work, of the GPU or of the processor\n\n",
             name_of(options.precision));
  std::fflush(stdout);
  std::vector<Column> columns;
  for (const Rung& rung : rungs) columns.push_back(measure(run, rung));
  print_costs(columns);
  for (const Column& column : columns)
    for (const std::string& note : column.notes) fmt::print("note, {}: {}\n", column.name, note);
}

}  // namespace strata::train_mnist
