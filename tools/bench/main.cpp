// bench: what a training step and its parts cost here, beside what the card could do.
#include <fmt/format.h>

#include <iostream>
#include <new>

#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/output_file.h"
#include "tensor/parallel.h"
#include "tools/bench/dense.h"
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
  options.dense_batch_sizes =
      options.batch_sizes.empty() ? std::vector<int64_t>{256, 1024} : options.batch_sizes;
  const auto unless_given = [](auto& values, auto defaults) {
    if (values.empty()) values = defaults;
  };
  if (options.threads.empty()) options.threads = {thread_count()};
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
  if (!options.step && !options.ops && !options.ceilings && !options.host && !options.dense)
    options.step = options.ops = options.ceilings = options.host = true;
}

std::vector<Configuration> combinations(const Options& options) {
  std::vector<Configuration> all;
  for (const ModelKind model : options.models)
    for (const int64_t batch_size : options.batch_sizes)
      for (const Precision precision : options.precisions)
        for (const Kernels kernels : options.kernels)
          for (const Launch launch : options.launches)
            all.push_back({.model = model,
                           .batch_size = batch_size,
                           .kernels = kernels,
                           .precision = precision,
                           .launch = launch,
                           .width = options.width});
  return all;
}

void check_configuration(const Configuration& at, const Data& data) {
  const bool cpu = data.device() == Device::cpu;
  if (cpu && at.launch == Launch::captured) fail(ErrorKind::device, "CUDA graphs are the GPU's");
  if (at.precision == Precision::bf16 && !cpu && at.kernels == Kernels::library)
    fail(ErrorKind::device, "bf16 is for this project's own kernels on a GPU");
}

void check_batch_size(const Configuration& at, const Data& data) {
  if (at.batch_size > data.dataset.train.count)
    fail(ErrorKind::usage, "a batch of {} is larger than the training set of {} images",
         at.batch_size, data.dataset.train.count);
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

/// On a GPU the CPU's threads are no part of what is measured.
std::vector<int> thread_counts(const Options& options, Device device) {
  return device == Device::cpu ? options.threads : std::vector{0};
}

/// Adds to `results` the ops that `ops_at` makes for each configuration and number of threads.
template <class OpsAt>
void measure_ops(const Options& options, const Data& data, Results& results,
                 std::vector<OpResult>& to, const OpsAt& ops_at) {
  Blocks blocks = options.blocks;
  blocks.seconds /= 5;  // a call is one or two kernels, not dozens
  Options once = options;
  once.launches.resize(1);
  for (Configuration at : combinations(once))
    for (const int threads : thread_counts(options, data.device())) {
      use_threads(at.threads = threads);
      attempt(at, data, results, [&] {
        for (const OpOfStep& op : ops_at(at))
          for (OpResult& result : measure_op(op, data.device(), at, blocks))
            to.push_back(std::move(result));
      });
    }
}

void measure_dense(Options options, const Data& data, Results& results) {
  constexpr int64_t kWidth = 4096;
  options.models = {ModelKind::mlp};
  options.batch_sizes = options.dense_batch_sizes;
  measure_ops(options, data, results, results.dense, [&](const Configuration& at) {
    std::vector<OpOfStep> ops;
    for (const DenseProduct& product :
         dense_products(data, at.batch_size, at.width > 0 ? at.width : kWidth))
      ops.push_back(dense_product_op(product, data.device()));
    return ops;
  });
}

void measure_all_ceilings(const Options& options, Device device, Results& results) {
  for (const int threads : thread_counts(options, device)) {
    use_threads(threads);
    results.ceilings.push_back(measure_ceilings(device));
  }
}

Results measure(const Options& options, const Data& data) {
  const nn::Dataset& set = data.dataset;
  Results results{.device = data.device(),
                  .data = fmt::format("{}: {} images of {}x{}x{}", set.name, set.train.count,
                                      set.height, set.width, set.channels),
                  .repeats = options.blocks.repeats};
  if (options.step)
    for (const Configuration& at : combinations(options))
      attempt(at, data, results, [&] {
        check_batch_size(at, data);
        const auto counts = thread_counts(options, data.device());
        for (StepResult& result : measure_step(data, at, counts, options.blocks))
          results.steps.push_back(std::move(result));
      });
  if (options.ops)
    measure_ops(options, data, results, results.ops, [&](const Configuration& at) {
      check_batch_size(at, data);
      return ops_of_step(data, at);
    });
  if (options.dense) measure_dense(options, data, results);
  // What was measured stands beside them; a GPU's step by itself does not.
  const bool steps = data.device() == Device::cpu && !results.steps.empty();
  if (options.ceilings || steps || !results.ops.empty() || !results.dense.empty())
    measure_all_ceilings(options, data.device(), results);
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
  if (!options.threads.empty()) use_threads(options.threads.back());
  if (options.instructions) use_instructions(*options.instructions);
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
