#include "examples/train_mnist/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tensor/branch.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/cuda/timer.h"

namespace strata::train_mnist {
namespace {

int count_from(const Tuner& tuner, Choice::Source source) {
  return static_cast<int>(std::ranges::count_if(
      tuner.choices(), [=](const auto& choice) { return choice.second.source == source; }));
}

/// "1.31 times as fast as cudnn"
std::string margin(const Choice& choice) {
  if (choice.timings.size() < 2) return "the only one";
  const Timing &winner = choice.timings[0], &next = choice.timings[1];
  const double ratio = next.microseconds / winner.microseconds;
  // The shipped default keeps its place against one that is hardly faster.
  if (ratio < 1) return fmt::format("{} is faster by too little to count", next.name);
  return fmt::format("{:.2f} times as fast as {}", ratio, next.name);
}

void print_choice(const std::string& key, const Choice& choice) {
  fmt::print("  {}\n    {} ({})", key, choice.winner, name_of(choice.source));
  if (!choice.timings.empty())
    fmt::print(": {:.1f} us, {}", choice.timings[0].microseconds, margin(choice));
  fmt::print("\n");
  for (size_t i = 1; i < choice.timings.size(); ++i)
    fmt::print("      {:9.1f} us  {}\n", choice.timings[i].microseconds, choice.timings[i].name);
  for (const std::string& rejected : choice.rejected) fmt::print("      not taken  {}\n", rejected);
}

}  // namespace

Tuner make_tuner(const Run& run) {
  const bool choosing =
      run.options.kernels == Kernels::automatic || run.options.kernels == Kernels::library;
  if (run.device == Device::cpu || !choosing) return Tuner();
  Tuner::Options options{.cache_file = default_tuning_cache(),
                         .keep_defaults = run.options.verbose};
  if constexpr (kHasCuda) {
    const cuda::DeviceInfo& info = cuda::device_info();
    options.machine =
        fmt::format("{}, driver {}, CUDA {}", info.name, info.driver, info.runtime_cuda);
    options.busy = recording_gpu_work;
    if (run.options.tune) options.timer = cuda::time_work;
  }
  return Tuner(std::move(options));
}

std::string tuning_line(const Tuner& tuner) {
  const int measured = count_from(tuner, Choice::Source::measured_now);
  const int cached = count_from(tuner, Choice::Source::cache_file);
  if (measured + cached == 0) return "";
  std::string line;
  if (measured > 0)
    line = fmt::format("{} choices measured in {:.2f} s", measured, tuner.seconds_measuring());
  if (cached > 0) line += fmt::format("{}{} from the cache", line.empty() ? "" : ", ", cached);
  return line + (tuner.cache_file().empty() ? "; no file to keep them"
                                            : fmt::format("; {}", tuner.cache_file().string()));
}

void print_choices(const Run& run, const Tuner& tuner) {
  if (!run.options.verbose) return;
  fmt::print("choices of kernels\n");
  for (const std::string& note : tuner.notes()) fmt::print("  note: {}\n", note);
  if (run.device == Device::cpu) fmt::print("  none: on the CPU every op has one version a rung\n");
  if (run.device == Device::gpu && tuner.choices().empty())
    fmt::print("  none: --kernels {} leaves no choice\n", name_of(run.options.kernels));
  for (const auto& [key, choice] : tuner.choices()) print_choice(key, choice);
  fmt::print("\n");
  std::fflush(stdout);
}

}  // namespace strata::train_mnist
