#include "examples/train_mnist/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>

namespace strata::train_mnist {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done and target met, 1 target missed, 2 wrong usage, 3 data unusable,\n"
    "4 device or library unusable, 5 training diverged, 130 stopped by Ctrl-C.";

/// What --xray is given where it is given no file.
constexpr const char* kNoFile = "";

/// Accepts numbers in [low, high]; NaN is in no range.
CLI::Validator number_between(double low, double high) {
  return CLI::Validator(
      [=](const std::string& text) -> std::string {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value);
        if (number && value >= low && value <= high) return {};
        return fmt::format("takes a number from {} to {}, not '{}'", low, high, text);
      },
      "");
}

/// Adds a flag for a whole number in [low, high], in decimal: CLI11 would read 010 as 8.
template <class Integer>
CLI::Option* add_integer(CLI::App& app, const std::string& flag, Integer& value, Integer low,
                         Integer high, const std::string& help) {
  const auto parse = [=](const std::string& text) -> std::optional<Integer> {
    Integer number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || number < low || number > high) return std::nullopt;
    return number;
  };
  return app
      .add_option_function<std::string>(
          flag, [&value, parse](const std::string& text) { value = *parse(text); }, help)
      ->check(CLI::Validator(
          [=](const std::string& text) -> std::string {
            if (parse(text)) return {};
            return fmt::format("takes a whole number from {} to {}, not '{}'", low, high, text);
          },
          ""))
      ->type_name("N");
}

// CLI11 prints a default as a part of the flag, where it reads like one.
std::string with_default(std::string_view help, std::string_view value) {
  return fmt::format("{} [{}]", help, value);
}

/// Accepts the names of an enumeration's values.
template <class Enum>
void add_choice(CLI::App& app, const std::string& flag, Enum& value,
                const std::map<std::string, Enum>& names, const std::string& help) {
  std::string choices, chosen;
  for (const auto& [name, choice] : names) {
    choices += (choices.empty() ? "" : "|") + name;
    if (choice == value) chosen = name;
  }
  app.add_option_function<std::string>(
         flag, [&value, names](const std::string& name) { value = names.at(name); },
         with_default(help, chosen))
      ->check(CLI::Validator(
          [names, choices](const std::string& text) -> std::string {
            if (names.contains(text)) return {};
            return fmt::format("takes {}, not '{}'", choices, text);
          },
          ""))
      ->type_name(choices);
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string nearest_flag(const CLI::App& app, std::string unknown) {
  unknown = unknown.substr(0, unknown.find('='));
  std::string best;
  size_t best_distance = unknown.size() / 2 + 1;  // further away is no help
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = fmt::format("--{}", option->get_single_name());
    if (const size_t distance = edit_distance(unknown, name); distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

void declare_options(CLI::App& app, Options& options) {
  constexpr int64_t kMillion = 1'000'000;
  // A flag given twice: the later one counts, so that scripts can add to a command line.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.option_defaults()->group("Where it runs");
  add_choice<DeviceChoice>(
      app, "--device", options.device,
      {{"auto", DeviceChoice::automatic}, {"cpu", DeviceChoice::cpu}, {"gpu", DeviceChoice::gpu}},
      "auto takes a usable GPU, otherwise the CPU");
  add_choice<Kernels>(app, "--kernels", options.kernels,
                      {{"auto", Kernels::automatic},
                       {"library", Kernels::library},
                       {"own", Kernels::own},
                       {"reference", Kernels::reference}},
                      "library: cuDNN and cuBLASLt, on the CPU oneDNN; own: this project's; auto: "
                      "either, see --tune; reference: plain loops");
  add_choice<Precision>(
      app, "--precision", options.precision,
      {{"fp32", Precision::fp32}, {"tf32", Precision::tf32}, {"bf16", Precision::bf16}},
      "tf32 lets products use tensor cores; bf16 also stores activations in 16 bits, which a CPU "
      "needs AVX-512 BF16 for");
  app.add_flag("--tune", options.tune,
               "measure which kernels are fastest where ~/.cache/strata/tuning.tsv does not say, "
               "and write it there");
  add_integer(app, "--threads", options.threads, 1, 1024,
              with_default("CPU threads", "the cores this process may use"));
  app.add_option_function<std::string>(
         "--instructions",
         [&options](const std::string& name) { options.instructions = instructions_named(name); },
         with_default("of the CPU that this project's kernels use; oneDNN chooses its own",
                      "the best it has"))
      ->check(CLI::Validator(
          [](const std::string& name) -> std::string {
            if (instructions_named(name)) return {};
            return fmt::format("takes {}, not '{}'", kInstructionsNames, name);
          },
          ""))
      ->type_name(std::string(kInstructionsNames));
  add_integer(app, "--memory-limit", options.memory_limit_mb, int64_t{1}, 1000 * kMillion,
              with_default("megabytes to take of the device", "all there is"));
  app.add_flag_callback(
      "--no-graph", [&options] { options.graph = false; },
      "queue each kernel by itself: otherwise a GPU runs whole steps as a CUDA graph");
  add_integer(app, "--steps-per-launch", options.steps_per_launch, int64_t{1}, int64_t{1000},
              with_default("training steps in one launch of the graph",
                           std::to_string(options.steps_per_launch)));

  app.option_defaults()->group("What it learns");
  app.add_option(
         "--data", options.data,
         with_default("a folder of four IDX files (raw or .gz), or digits, which the program "
                      "draws",
                      "data/mnist, ../shared/mnist, digits"))
      ->type_name("DIR|digits");
  add_choice<ModelKind>(app, "--model", options.model,
                        {{"lenet", ModelKind::lenet}, {"mlp", ModelKind::mlp}},
                        "two convolutions, or dense layers only");

  app.option_defaults()->group("How it learns");
  add_integer(app, "--epochs", options.epochs, int64_t{1}, kMillion,
              with_default("passes over the training images", "4 on a GPU, 2 on the CPU"));
  add_integer(app, "--batch-size", options.batch_size, int64_t{1}, kMillion,
              with_default("images a step", std::to_string(options.batch_size)));
  add_choice<OptimizerKind>(app, "--optimizer", options.optimizer,
                            {{"adam", OptimizerKind::adam}, {"sgd", OptimizerKind::sgd}},
                            "sgd has Nesterov momentum 0.9");
  app.add_option("--lr", options.learning_rate,
                 with_default("the (highest) learning rate", "0.008 for adam, 0.1 for sgd"))
      ->check(number_between(1e-12, 1e30))
      ->type_name("X");
  add_choice<nn::ScheduleKind>(app, "--schedule", options.schedule,
                               {{"one-cycle", nn::ScheduleKind::one_cycle},
                                {"cosine", nn::ScheduleKind::cosine},
                                {"constant", nn::ScheduleKind::constant}},
                               "how the learning rate moves over the run");
  add_integer(app, "--seed", options.seed, uint64_t{0}, UINT64_MAX,
              with_default("the same seed gives the same bits", std::to_string(options.seed)));
  app.add_option("--target-accuracy", options.target_accuracy,
                 with_default("percent of the test images to get right",
                              "99 for lenet, 97 for mlp; none on a data set of your own"))
      ->check(number_between(0, 100))
      ->type_name("PCT");

  app.option_defaults()->group("What it prints");
  app.add_option("--json", options.json, "write the results as one JSON object")->type_name("FILE");
  app.add_option_function<std::string>(
         "--xray",
         [&options](const std::string& file) {
           options.xray = true;
           if (file != kNoFile) options.xray_page = file;
         },
         "look into one training step instead of training: each layer from the op to the kernel, "
         "as a tree, and as a page if a file is named")
      ->type_name("[FILE.html]")
      ->expected(0, 1)
      ->default_str(kNoFile);
  app.add_option_function<std::string>(
         "--xray-trace",
         [&options](const std::string& file) {
           options.xray = true;
           options.xray_trace = file;
         },
         "the same as a trace for ui.perfetto.dev")
      ->type_name("FILE.json");
  add_integer(app, "--xray-depth", options.xray_depth, 1, 100,
              with_default("levels of the x-ray's tree", std::to_string(options.xray_depth)));
  app.add_flag("--compare-kernels", options.compare_kernels,
               "the same steps on every rung instead of training: equal numbers, and what each "
               "layer costs on each");
  app.add_flag("--quiet", options.quiet, "plain lines, one an epoch, also on a terminal");
  app.add_flag("--verbose", options.verbose,
               "for every op and shape: kernels tried, times, winner, and who says so");
}

}  // namespace

int64_t default_epochs(Device device) {
  return device == Device::gpu ? 4 : 2;
}

double default_learning_rate(OptimizerKind optimizer) {
  return optimizer == OptimizerKind::adam ? 0.008 : 0.1;
}

std::variant<Options, int> parse_options(int argc, char** argv) {
  constexpr int kUsage = 2;
  Options options;
  CLI::App app("Trains a small network on MNIST: the shortest proof that a GPU install works.");
  app.name("train_mnist");
  app.footer(kExitCodes);
  app.set_version_flag("--version", "Strata " STRATA_VERSION);
  app.get_formatter()->column_width(44);
  declare_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ExtrasError&) {
    const std::string unknown = app.remaining().front();
    const std::string nearest = nearest_flag(app, unknown);
    const std::string hint = nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
    fmt::print(stderr, "train_mnist: unknown argument {}{} (see --help)\n", unknown, hint);
    return kUsage;
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    fmt::print(stderr, "train_mnist: {} (see --help)\n", message);
    return kUsage;
  }
  if (app.count("--xray-depth") > 0) options.xray = true;
  if (!options.xray_page.empty() && options.xray_page == options.xray_trace) {
    fmt::print(stderr, "train_mnist: --xray and --xray-trace name the same file, {}\n",
               options.xray_page);
    return kUsage;
  }
  if (!options.json.empty() && (options.xray || options.compare_kernels)) {
    fmt::print(stderr,
               "train_mnist: --json reports a training run, and --xray and --compare-kernels run "
               "none; --xray-trace writes what an x-ray sees\n");
    return kUsage;
  }
  return options;
}

}  // namespace strata::train_mnist
