// train_mnist: trains a small network on MNIST and says whether it learnt.
//
// The whole framework on one page: choose a device, load the data, build the model, train, judge.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>

#include "examples/train_mnist/compare.h"
#include "examples/train_mnist/interrupt.h"
#include "examples/train_mnist/options.h"
#include "examples/train_mnist/report.h"
#include "examples/train_mnist/run.h"
#include "examples/train_mnist/training.h"
#include "examples/train_mnist/tuning.h"
#include "examples/train_mnist/xray.h"
#include "ops/settings.h"
#include "tensor/build_config.h"
#include "tensor/cuda/nvtx.h"
#include "tensor/error.h"
#include "tensor/output_file.h"
#include "tensor/trace.h"

namespace strata::train_mnist {
namespace {

enum ExitCode {
  kDone = 0,
  kTargetMissed = 1,
  kUsage = 2,
  kDataUnusable = 3,
  kDeviceUnusable = 4,
  kDiverged = 5,
  kInterrupted = 130,
};

ExitCode exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return kUsage;
    case ErrorKind::data:
      return kDataUnusable;
    case ErrorKind::diverged:
      return kDiverged;
    default:
      return kDeviceUnusable;
  }
}

/// Ends a run on the GPU without the CUDA runtime's own tidying up, which nobody waits for: the
/// system takes everything back. All that was written is flushed first. A profiler, which the
/// driver loads by this variable, gets the usual exit: it hands over its records there.
void leave_at_once(ExitCode exit_code) {
  if (std::getenv("CUDA_INJECTION64_PATH")) return;
  std::fflush(nullptr);
  std::quick_exit(exit_code);
}

/// For Nsight Systems: the run's layers as ranges, where such a tool has been put into the process.
/// Of a captured step they show the recording, since a replay runs none of its code.
std::unique_ptr<TraceListener> ranges_for_profiler() {
  if constexpr (kHasCuda)
    if (cuda::nvtx_tool_attached()) return std::make_unique<cuda::NvtxRanges>();
  return nullptr;
}

ExitCode run_program(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const OutputFile report("--json", options.json);
  const XrayFiles xray_files(options);
  const std::unique_ptr<TraceListener> ranges = ranges_for_profiler();
  std::optional<TraceListening> listening;
  if (ranges) listening.emplace(*ranges);
  const SettingsScope settings({.kernels = options.kernels, .precision = options.precision});
  const Run run = prepare(options);
  Tuner tuner = make_tuner(run);
  const TunerScope tuning(tuner);
  if (options.xray || options.compare_kernels) {
    if (options.xray) take_xray(run, xray_files);
    if (options.compare_kernels) compare_kernels(run);
    if (run.device == Device::gpu) leave_at_once(kDone);
    return kDone;
  }
  const Results results = train(run);

  const double total_seconds = seconds();
  fmt::print("{}\n", verdict(run, results, total_seconds));
  std::fflush(stdout);
  report.write(json_report(run, results, total_seconds));
  const ExitCode exit_code = results.interrupted                   ? kInterrupted
                             : passed(run, results).value_or(true) ? kDone
                                                                   : kTargetMissed;
  if (run.device == Device::gpu) leave_at_once(exit_code);
  return exit_code;
}

}  // namespace
}  // namespace strata::train_mnist

int main(int argc, char** argv) {
  using namespace strata::train_mnist;
  const auto parsed = parse_options(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const Options& options = std::get<Options>(parsed);
  // Neither an x-ray nor a comparison has a loop that would look.
  if (!options.xray && !options.compare_kernels) stop_on_ctrl_c();
  try {
    return run_program(options);
  } catch (const strata::Error& error) {
    fmt::print(stderr, "train_mnist: {}\n", error.what());
    return exit_code_of(error.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "train_mnist: the computer's memory is not enough for this data set\n");
    return kDeviceUnusable;
  } catch (const std::exception& error) {  // of the system or of Thrust
    fmt::print(stderr, "train_mnist: {}\n", error.what());
    return kDeviceUnusable;
  }
}
