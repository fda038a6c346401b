#include "tools/bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace strata::bench {
namespace {

constexpr const char* kFooter =
    "Lists are separated by commas; every combination is measured. What cannot run here is noted "
    "in\n"
    "the report. Exit codes: 0 done, 2 wrong usage, 3 data unusable, 4 device or library unusable.";

template <class Enum>
void add_choices(CLI::App& app, const std::string& flag, std::vector<Enum>& values,
                 const std::map<std::string, Enum>& names, const std::string& help) {
  std::string choices;
  for (const auto& [name, value] : names) choices += (choices.empty() ? "" : "|") + name;
  app.add_option_function<std::vector<std::string>>(
         flag,
         [&values, names](const std::vector<std::string>& chosen) {
           values.clear();
           for (const std::string& name : chosen) values.push_back(names.at(name));
         },
         help)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(
          [names, choices](const std::string& text) -> std::string {
            if (names.contains(text)) return {};
            return fmt::format("takes {}, not '{}'", choices, text);
          },
          ""))
      ->type_name(choices);
}

void declare_measurements(CLI::App& app, Options& options) {
  app.option_defaults()->group("What is measured (all but --dense when none is named)");
  app.add_flag("--step", options.step, "the whole training step");
  app.add_flag("--ops", options.ops, "every op of the step by itself, forward and backward");
  app.add_flag("--ceilings", options.ceilings, "what the device can do at most");
  app.add_flag(
      "--dense", options.dense,
      "the products of dense layers, forward and both gradients: 4096 (--width) x 4096, and "
      "mlp's");
  app.add_flag("--host", options.host,
               "what the host spends on an op, a launch, an allocation (with Google Benchmark)");
  app.add_flag("--serve", options.serve,
               "measure what standard input asks for, one JSON command a line (tools/bench_peers)");
}

void declare_combinations(CLI::App& app, Options& options) {
  app.option_defaults()->group("Under which conditions");
  app.add_option_function<std::string>(
         "--device",
         [&options](const std::string& name) {
           options.device = name == "cpu" ? Device::cpu : Device::gpu;
         },
         "the GPU if there is one")
      ->check(CLI::IsMember({"cpu", "gpu"}))
      ->type_name("cpu|gpu");
  app.add_option("--threads", options.threads, "CPU threads [the cores this process may use]")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Range(1, 1024))
      ->type_name("N,...");
  app.add_option_function<std::string>(
         "--instructions",
         [&options](const std::string& name) { options.instructions = instructions_named(name); },
         "of the CPU that our own kernels use; the libraries choose theirs [the best it has]")
      ->check(CLI::Validator(
          [](const std::string& name) -> std::string {
            if (instructions_named(name)) return {};
            return fmt::format("takes {}, not '{}'", kInstructionsNames, name);
          },
          ""))
      ->type_name(std::string(kInstructionsNames));
  app.add_option("--data", options.data,
                 "a folder of four IDX files, or digits [MNIST where it is found, else digits]")
      ->type_name("DIR|digits");
  add_choices<ModelKind>(app, "--model", options.models,
                         {{"lenet", ModelKind::lenet}, {"mlp", ModelKind::mlp}}, "[lenet]");
  app.add_option("--width", options.width, "outputs of mlp's hidden layers [512 and 256]")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->type_name("N");
  app.add_option("--batch-sizes", options.batch_sizes,
                 "images a step [gpu 64,256,1024,8192; cpu 64,256; --dense 256,1024]")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->type_name("N,...");
  add_choices<Kernels>(app, "--kernels", options.kernels,
                       {{"auto", Kernels::automatic},
                        {"library", Kernels::library},
                        {"own", Kernels::own},
                        {"reference", Kernels::reference}},
                       "[gpu auto,own,library; cpu own]");
  add_choices<Precision>(
      app, "--precision", options.precisions,
      {{"fp32", Precision::fp32}, {"tf32", Precision::tf32}, {"bf16", Precision::bf16}},
      "[gpu fp32,tf32; cpu fp32]");
  add_choices<Launch>(app, "--launch", options.launches,
                      {{"captured", Launch::captured}, {"eager", Launch::eager}},
                      "the step as CUDA graphs, or kernel by kernel [gpu both; cpu eager]");
}

void declare_output(CLI::App& app, Options& options) {
  app.option_defaults()->group("How long, and where to");
  app.add_option("--repeats", options.blocks.repeats, "blocks, whose median is reported")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--steps", options.blocks.steps, "steps (calls, of an op) a block [--block-ms]")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->type_name("N");
  app.add_option_function<double>(
         "--block-ms", [&options](double ms) { options.blocks.seconds = ms / 1e3; },
         "length of a block of steps; a fifth for an op [50]")
      ->check(CLI::Range(0.001, 60'000.0))
      ->type_name("MS");
  app.add_option("--json", options.json, "write the results as JSON")->type_name("FILE");
  app.add_option("--markdown", options.markdown, "write the tables that are printed")
      ->type_name("FILE");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  constexpr int kUsage = 2;
  Options options;
  CLI::App app("Measures Strata's training step and its parts.");
  app.name("bench");
  app.footer(kFooter);
  app.set_version_flag("--version", "Strata " STRATA_VERSION);
  app.get_formatter()->column_width(44);
  // A flag given twice: the later one counts, so that scripts can add to a command line.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare_measurements(app, options);
  declare_combinations(app, options);
  declare_output(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    fmt::print(stderr, "bench: {} (see --help)\n", message);
    return kUsage;
  }
  return options;
}

}  // namespace strata::bench
