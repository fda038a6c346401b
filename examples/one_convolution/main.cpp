// one_convolution: the same convolution on every level of the stack, from loops to a layer that
// learns. Each level is a file of its own, a_cpu_loops.cpp to g_layer.cpp; this one runs them and
// compares their results.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "examples/one_convolution/level.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/libraries.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace strata::one_convolution {
namespace {

enum ExitCode { kDone = 0, kWrongNumbers = 1, kUsage = 2, kDeviceUnusable = 4 };

// In whatever order a sum of 25 products is added up in float32, its first six digits are right. If
// the factors were rounded for tensor cores, three would be.
constexpr double kTolerance = 1e-5;

struct Options {
  std::string device = "auto";
  std::string level = {};  // empty: all
};

/// The exit code of a command line that ends the program: of --help and of a wrong one.
std::optional<int> parse(int argc, char** argv, Options& options) {
  CLI::App app("The same convolution on every level of the stack, from loops to a layer.");
  app.name("one_convolution");
  app.footer(
      "Exit codes: 0 all levels that ran agree, 1 one is wrong, 2 wrong usage,\n"
      "4 device or library unusable.");
  app.add_option("--device", options.device, "auto takes a usable GPU, otherwise the CPU [auto]")
      ->check(CLI::IsMember({"auto", "cpu", "gpu"}));
  app.add_option("--level", options.level, "run this level only [all]")
      ->check(CLI::IsMember({"a", "b", "c", "d", "e", "f", "g"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "one_convolution: {} (see --help)\n", error.what());
    return kUsage;
  }
  return std::nullopt;
}

struct Entry {
  char letter;
  std::string_view title;
  const Level* level;  // null: not in this build
};

std::vector<Entry> all_levels() {
  std::vector<Entry> entries = {
      {'a', "CPU loops", &kCpuLoops},     {'b', "CUDA driver API", nullptr},
      {'c', "CUDA runtime", nullptr},     {'d', "cuDNN, one call", nullptr},
      {'e', "cuDNN, graph API", nullptr}, {'f', "ops::conv2d", &kOp},
      {'g', "nn::Conv2D", &kLayer}};
  if constexpr (kHasCuda) {
    entries[1].level = &kDriverApi;
    entries[2].level = &kCudaRuntime;
    entries[3].level = &kCudnnCall;
    entries[4].level = &kCudnnGraph;
  }
  return entries;
}

/// Numbers in [-1, 1), the same in every run.
std::vector<float> draw(uint64_t stream, int count) {
  std::vector<float> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(2 * random_uniform(/*seed=*/1, stream, i) - 1);
  return numbers;
}

/// The largest difference, as a part of the largest number; infinite where there is no number.
double error_of(const std::vector<float>& actual, const std::vector<float>& expected) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(actual[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(double{actual[i]} - expected[i]));
    size = std::max(size, std::abs(double{expected[i]}));
  }
  return difference / size;
}

std::optional<std::string> why_no_gpu(const Options& options) {
  if (options.device == "cpu") return "--device cpu";
  if constexpr (kHasCuda) return cuda::why_unusable();
  return "this program was built without GPU code (build with -DSTRATA_CUDA=ON)";
}

std::string gpu_name() {
  if constexpr (kHasCuda) return cuda::device_info().name;
  return {};
}

class Lesson {
 public:
  explicit Lesson(const Options& options) : options_(options), no_gpu_(why_no_gpu(options)) {
    if (no_gpu_ && options.device == "gpu") fail(ErrorKind::device, "--device gpu: {}", *no_gpu_);
    expected_ = kCpuLoops.run(problem_, Device::cpu).output;
  }

  ExitCode run() {
    print_header();
    for (const Entry& entry : all_levels())
      if (options_.level.empty() || options_.level.front() == entry.letter) visit(entry);
    fmt::print("levels run: {}, skipped: {}: {}\n", run_, skipped_,
               exit_code_  ? "FAIL"
               : run_ == 0 ? "SKIPPED"
                           : "PASS");
    return exit_code_;
  }

 private:
  void print_header() const {
    fmt::print(
        "One convolution: {} images of {}x{}x{}, {} filters of {}x{}, float32\n"
        "  time   of one call, until its result is there: the median of {} after {} to warm up.\n"
        "         Set-up and copies between CPU and GPU are not counted. On a GPU much of it is\n"
        "         queueing and waiting, since the convolution is a small one.\n"
        "  error  the largest difference from (a), as a part of the largest number. Allowed: {}\n",
        kBatch, kHeight, kWidth, kChannels, kFilters, kWindow, kWindow, kTimedRuns, kWarmUps,
        kTolerance);
    fmt::print("  GPU    {}\n\n", no_gpu_ ? "none: " + *no_gpu_ : gpu_name());
  }

  std::optional<std::string> why_skipped(const Level* level) const {
    if (level && level->needs == Needs::nothing) return std::nullopt;
    if (no_gpu_) return "it needs a GPU";
    if constexpr (kHasCuda)
      if (level->needs == Needs::cudnn) return cuda::why_no_cudnn();
    return std::nullopt;
  }

  void visit(const Entry& entry) {
    fmt::print("{}  {:<18}", entry.letter, entry.title);
    if (const auto reason = why_skipped(entry.level)) {
      ++skipped_;
      fmt::print("skipped: {}\n{}\n", *reason, entry.level ? entry.level->adds : "");
      return;
    }
    ++run_;
    try {
      report(*entry.level, entry.level->run(problem_, no_gpu_ ? Device::cpu : Device::gpu));
    } catch (const Error& error) {
      fmt::print("FAILED: {}\n\n", error.what());
      exit_code_ = error.kind() == ErrorKind::diverged ? kWrongNumbers : kDeviceUnusable;
    }
  }

  void report(const Level& level, const Result& result) {
    const double error = error_of(result.output, expected_);
    fmt::print("{:9.1f} us   error {:.1e}", result.microseconds, error);
    if (!(error <= kTolerance)) {
      fmt::print(", TOO LARGE");
      exit_code_ = kWrongNumbers;
    }
    if (!result.note.empty()) fmt::print("\n   {}", result.note);
    fmt::print("\n{}\n", level.adds);
  }

  Options options_;
  std::optional<std::string> no_gpu_;
  Problem problem_ = {.image = draw(0, kImageSize), .filter = draw(1, kFilterSize)};
  std::vector<float> expected_;
  ExitCode exit_code_ = kDone;
  int run_ = 0, skipped_ = 0;
};

}  // namespace
}  // namespace strata::one_convolution

int main(int argc, char** argv) {
  using namespace strata::one_convolution;
  Options options;
  if (const auto exit_code = parse(argc, argv, options)) return *exit_code;
  try {
    return Lesson(options).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "one_convolution: {}\n", error.what());
    return kDeviceUnusable;
  }
}
