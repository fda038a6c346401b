#include "tools/stack_check/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <filesystem>

namespace strata::stack_check {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExitCodes =
    "Exit codes: 0 all layers pass, 1 they pass with warnings (--strict only), 2 wrong usage,\n"
    "3 stack_check itself failed, 77 no GPU (--skip-if-no-gpu only); otherwise the lowest broken\n"
    "layer: 10 pci, 11 driver, 12 access, 13 libcuda, 14 runtime, 15 cublas, 16 cudnn, 17 nccl,\n"
    "18 ops, 19 training.";

Language language_of_locale() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value && *value)
      return std::string_view(value).starts_with("zh") ? Language::zh : Language::en;
  }
  return Language::en;
}

std::string probe_beside_this_program() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  return (program.parent_path() / "stack_probe").string();
}

/// A flag whose text `parse` turns into a value, or into nothing: then `wanted` says what it takes.
template <class Value, class Parse>
void add(CLI::App& app, const std::string& flag, Value& value, Parse parse,
         const std::string& wanted, const std::string& type, const std::string& help) {
  app.add_option_function<std::string>(
         flag, [&value, parse](const std::string& text) { value = *parse(text); }, help)
      ->check(CLI::Validator(
          [parse, wanted](const std::string& text) {
            return parse(text) ? std::string() : fmt::format("takes {}, not '{}'", wanted, text);
          },
          ""))
      ->type_name(type);
}

std::optional<Language> parse_language(const std::string& text) {
  if (text == "en") return Language::en;
  if (text == "zh") return Language::zh;
  return std::nullopt;
}

std::optional<double> parse_seconds(const std::string& text) {
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end || !(seconds >= 0.1 && seconds <= 3600))
    return std::nullopt;
  return seconds;
}

std::optional<std::string> parse_folder(const std::string& text) {
  std::error_code ignored;
  if (fs::is_directory(text, ignored)) return text;
  return std::nullopt;
}

void add_options(CLI::App& app, Options& options) {
  const char* layers =
      "pci, driver, access, libcuda, runtime, cublas, cudnn, nccl, ops, training or 10 to 19";
  add(app, "--from", options.from, parse_layer, layers, "LAYER", "begin with this layer [pci]");
  add(app, "--to", options.to, parse_layer, layers, "LAYER", "end with this layer [training]");
  app.add_flag("--quick", options.quick, "measure nothing and leave out nccl, ops and training");
  app.add_flag("--strict", options.strict, "end with 1 where there are warnings");
  app.add_option("--json", options.json,
                 "write the report as JSON to a file, or to standard output: -")
      ->check([](const std::string& file) { return file.empty() ? "names no file" : ""; })
      ->type_name("FILE|-");
  app.add_flag("--anonymous", options.anonymous, "leave out host name, folders and UUIDs");
  add(app, "--lang", options.language, parse_language, "en or zh", "en|zh",
      "language [from the locale]");
  app.add_option("--explain", options.explain,
                 "explain an ID, or an error text pasted from anywhere")
      ->type_name("ID|TEXT");
  add(app, "--root", options.root, parse_folder, "a folder", "DIR",
      "read /sys, /proc, /dev, ... below this folder [/]");
  add(app, "--timeout", options.timeout_seconds, parse_seconds, "seconds from 0.1 to 3600", "S",
      "of each probe [its own, see data/facts.json]");
  app.add_flag("--skip-if-no-gpu", options.skip_if_no_gpu,
               "end with 77 where there is no GPU at all");
  app.add_flag("--list", options.list, "list the layers and all that can be found on them");
  app.add_option("--probe", options.probe,
                 "the program that makes the calls [stack_probe beside this one]")
      ->type_name("FILE");
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  options.language = language_of_locale();
  options.probe = probe_beside_this_program();
  CLI::App app(
      "stack_check: climbs from the PCI device to a trained model, stops at the first broken\n"
      "layer, and says what is wrong, why, and what to do. It reads only and needs no root.",
      "stack_check");
  app.footer(kExitCodes);
  app.set_version_flag("--version", "Strata " STRATA_VERSION ": stack_check");
  app.get_formatter()->column_width(26);
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    fmt::print(stderr, "stack_check: {} (see --help)\n", error.what());
    return kUsage;
  }
  if (options.from > options.to) {
    fmt::print(stderr, "stack_check: --from {} lies above --to {}\n", name_of(options.from),
               name_of(options.to));
    return kUsage;
  }
  return options;
}

}  // namespace strata::stack_check
