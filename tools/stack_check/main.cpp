// stack_check: is this machine fit to train a model on its GPU, and if not, which layer is broken?
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "tensor/error.h"
#include "tensor/output_file.h"
#include "tools/stack_check/climb.h"
#include "tools/stack_check/explain.h"
#include "tools/stack_check/options.h"
#include "tools/stack_check/show/show.h"

namespace strata::stack_check {
namespace {

int print_list(Language language) {
  for (const Layer layer : kLayers) {
    const std::string name(name_of(layer));
    fmt::print("{} {:<9} {}\n", static_cast<int>(layer), name,
               catalogue().word("layer_" + name, language));
    for (const Entry& entry : catalogue().entries)
      if (entry.layer == layer)
        fmt::print("   {:<12} {}\n", entry.id, fill(entry.title.in(language), {}));
  }
  fmt::print("-- {}\n", catalogue().word("any_layer", language));
  for (const Entry& entry : catalogue().entries)
    if (!entry.layer) fmt::print("   {:<12} {}\n", entry.id, fill(entry.title.in(language), {}));
  return kAllPass;
}

int print_explanation(const Options& options) {
  const Explanation explanation = explain(catalogue(), *options.explain);
  fmt::print("{}", to_text(explanation, catalogue(), options.language));
  return explanation.entries.empty() ? kWarnings : kAllPass;
}

int exit_code_of(const Report& report, const Options& options) {
  if (report.no_gpu && options.skip_if_no_gpu) return kNoGpu;
  if (const Finding* verdict = report.verdict()) return static_cast<int>(verdict->layer);
  return options.strict && report.has_warnings() ? kWarnings : kAllPass;
}

/// A line on the terminal that says what is under way, and is gone when it is done.
void show_progress(Layer layer) {
  if (isatty(STDERR_FILENO))
    fmt::print(stderr, "\r\x1b[K {} {} ...", static_cast<int>(layer), name_of(layer));
}

int check(const Options& options) {
  const bool json_only = options.json == "-";
  const OutputFile file("--json", json_only ? std::string() : options.json);
  Report report = climb({.root = options.root,
                         .probe = options.probe,
                         .from = options.from,
                         .to = options.to,
                         .quick = options.quick,
                         .timeout_seconds = options.timeout_seconds,
                         .on_layer = show_progress});
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K");
  const int exit_code = exit_code_of(report, options);
  if (options.anonymous) make_anonymous(report);
  const std::string json = to_json(report, exit_code);
  if (json_only)
    fmt::print("{}", json);
  else
    fmt::print("{}{} {}\n", to_text(report, options.language),
               catalogue().word("exit", options.language), exit_code);
  file.write(json);
  return exit_code;
}

}  // namespace
}  // namespace strata::stack_check

int main(int argc, char** argv) {
  using namespace strata::stack_check;
  using strata::Error;
  const auto parsed = parse_options(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const Options& options = std::get<Options>(parsed);
  try {
    if (options.list) return print_list(options.language);
    if (options.explain) return print_explanation(options);
    return check(options);
  } catch (const Error& error) {
    fmt::print(stderr, "stack_check: {}\n", error.what());
    return kUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "stack_check: {}\n", error.what());
    return kToolError;
  }
}
