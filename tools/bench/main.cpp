// bench: what a training step and its parts cost here, beside what the card could do.
#include <fmt/format.h>

#include <iostream>
#include <new>

#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/output_file.h"
#include "tensor/parallel.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"
#include "tools/bench/serve.h"

namespace strata::bench {
namespace {

enum ExitCode { kDone = 0, kUsage = 2, kDataUnusable = 3, kDeviceUnusable = 4 };

Device choose_device(const Options& options) {
  std::optional<std::string> obstacle = "this program was built without GPU code";
  if (options.device == Device::cpu) return Device::cpu;
  if constexpr (kHasCuda) obstacle = cuda::why_unusable();
  if (obstacle && options.device == Device::gpu)
    fail(ErrorKind::device, "--device gpu: {}", *obstacle);
  return obstacle ? Device::cpu : Device::gpu;
}

/// What the command line left open, as it suits the device.
void complete(Options& options, Device device) {
  const bool gpu = device == Device::gpu;
  const auto unless_given = [](auto& values, auto defaults) {
    if (values.empty()) values = defaults;
  };
  using KernelsList = std::vector<Kernels>;
  unless_given(options.batch_sizes,
               gpu ? std::vector<int64_t>{64, 256, 1024, 8192} : std::vector<int64_t>{64, 256});
  unless_given(options.kernels,
               gpu ? KernelsList{Kernels::automatic, Kernels::own, Kernels::library}
                   : KernelsList{Kernels::own});
  unless_given(options.precisions,
               gpu ? std::vector{Precision::fp32, Precision::tf32} : std::vector{Precision::fp32});
  unless_given(options.launches,
               gpu ? std::vector{Launch::captured, Launch::eager} : std::vector{Launch::eager});
  if (!options.step && !options.ops && !options.ceilings && !options.host)
    options.step = options.ops = options.ceilings = options.host = true;
}

std::vector<Configuration> combinations(const Options& options) {
  std::vector<Configuration> all;
  for (const ModelKind model : options.models)
    for (const int64_t batch_size : options.batch_sizes)
      for (const Precision precision : options.precisions)
        for (const Kernels kernels : options.kernels)
          for (const Launch launch : options.launches)
            all.push_back({model, batch_size, kernels, precision, launch});
  return all;
}

void check_configuration(const Configuration& at, const Data& data) {
  if (at.batch_size > data.dataset.train.count)
    fail(ErrorKind::usage, "a batch of {} is larger than the training set of {} images",
         at.batch_size, data.dataset.train.count);
  const bool cpu = data.device() == Device::cpu;
  if (cpu && at.launch == Launch::captured) fail(ErrorKind::device, "CUDA graphs are the GPU's");
  if (cpu && at.kernels == Kernels::library)
    fail(ErrorKind::device, "this build has no library for the CPU");
  if (at.precision == Precision::bf16 && (cpu || at.kernels == Kernels::library))
    fail(ErrorKind::device, "bf16 is for this project's own kernels on a GPU");
}

/// Adds a note instead of results when something cannot run here.
template <class Measure>
void attempt(const Configuration& at, const Data& data, Results& results, Measure&& measure) {
  fmt::print(stderr, "{}\n", at.to_string());
  try {
    check_configuration(at, data);
    measure();
  } catch (const Error& error) {
    results.notes.push_back(fmt::format("{}: {}", at.to_string(), error.what()));
  }
}

void measure_ops(const Options& options, const Data& data, Results& results) {
  Blocks blocks = options.blocks;
  blocks.seconds /= 5;  // a call is one or two kernels, not dozens
  Options once = options;
  once.launches.resize(1);
  for (const Configuration& at : combinations(once))
    attempt(at, data, results, [&] {
      for (const OpOfStep& op : ops_of_step(data, at))
        for (OpResult& result : measure_op(op, data.device(), at, blocks))
          results.ops.push_back(std::move(result));
    });
}

Results measure(const Options& options, const Data& data) {
  const nn::Dataset& set = data.dataset;
  Results results{.device = data.device(),
                  .data = fmt::format("{}: {} images of {}x{}x{}", set.name, set.train.count,
                                      set.height, set.width, set.channels),
                  .repeats = options.blocks.repeats};
  if constexpr (kHasCuda)
    if (data.device() == Device::gpu && (options.ceilings || options.ops))
      results.ceilings = measure_ceilings();
  if (options.step)
    for (const Configuration& at : combinations(options))
      attempt(at, data, results,
              [&] { results.steps.push_back(measure_step(data, at, options.blocks)); });
  if (options.ops) measure_ops(options, data, results);
  if (options.host) {
    if constexpr (kHasGoogleBenchmark)
      results.host = measure_host(data.device(), options.blocks.seconds);
    else
      results.notes.push_back("the host's share: this build has no Google Benchmark");
  }
  return results;
}

ExitCode run_program(Options options) {
  const OutputFile json_file("--json", options.json), table_file("--markdown", options.markdown);
  if (options.threads > 0) set_thread_count(options.threads);
  const Device device = choose_device(options);
  complete(options, device);
  const Data data(options.data, device);
  if (options.serve) {
    const Configuration at = combinations(options).front();
    serve(data, at, std::cin, std::cout);
    return kDone;
  }
  const Results results = measure(options, data);
  const std::string tables = markdown_report(results);
  fmt::print("{}", tables);
  std::fflush(stdout);
  json_file.write(json_report(results).dump(2) + "\n");
  table_file.write(tables);
  if (!results.empty()) return kDone;
  fmt::print(stderr, "bench: nothing could be measured\n");
  return kDeviceUnusable;
}

ExitCode exit_code_of(ErrorKind kind) {
  if (kind == ErrorKind::usage) return kUsage;
  return kind == ErrorKind::data ? kDataUnusable : kDeviceUnusable;
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) {
  using namespace strata::bench;
  const auto parsed = parse_options(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  try {
    return run_program(std::get<Options>(parsed));
  } catch (const strata::Error& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return exit_code_of(error.kind());
  } catch (const std::exception& error) {  // memory of the computer, or the system
    fmt::print(stderr, "bench: {}\n", error.what());
    return kDeviceUnusable;
  }
}
