#include "examples/train_mnist/run.h"

#include <chrono>
#include <future>

#include "nn/digits.h"
#include "nn/idx.h"
#include "ops/cpu/instructions.h"
#include "ops/dispatch.h"
#include "tensor/build_config.h"
#include "tensor/cuda/context.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/pool.h"

namespace strata::train_mnist {
namespace {

std::optional<std::string> why_no_gpu() {
  if constexpr (kHasCuda) return cuda::why_unusable();
  return "this program was built without GPU code (build with -DSTRATA_CUDA=ON)";
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Starts the GPU too, when it is chosen.
void choose_device(const Options& options, Run& run) {
  if (options.device == DeviceChoice::cpu) return;
  const Clock::time_point start = Clock::now();
  const std::optional<std::string> obstacle = why_no_gpu();
  if (obstacle && options.device == DeviceChoice::gpu)
    fail(ErrorKind::device, "--device gpu: {}", *obstacle);
  run.device = obstacle ? Device::cpu : Device::gpu;
  if (obstacle) run.device_note = *obstacle;
  if constexpr (kHasCuda)
    if (run.device == Device::gpu) cuda::stream();
  run.device_seconds = seconds_since(start);
}

void check_kernels(const Options& options, Device device) {
  if (device == Device::gpu && options.kernels == Kernels::reference)
    fail(ErrorKind::usage, "--kernels reference runs on the CPU only; add --device cpu");
  if (options.tune && (device == Device::cpu || options.kernels == Kernels::own))
    fail(ErrorKind::usage,
         "--tune measures kernels of the GPU against each other: it needs a GPU and --kernels auto "
         "or library");
  const bool bf16 = options.precision == Precision::bf16;
  if (bf16 && (options.kernels == Kernels::library || options.kernels == Kernels::reference))
    fail(ErrorKind::usage,
         "--precision bf16 is for this project's own kernels; use --kernels own or auto");
  if (bf16 && device == Device::cpu && instructions() < Instructions::avx512_bf16)
    fail(ErrorKind::device,
         "--precision bf16 needs a processor with AVX-512 BF16, and kernels use {} here; use fp32",
         name_of(instructions()));
  if (device == Device::cpu && options.kernels == Kernels::library)
    if (const auto& reason = why_no_onednn())
      fail(ErrorKind::device, "--kernels library: {}", *reason);
}

struct ChosenData {
  nn::Dataset dataset;
  bool drawn = false;
  std::string note = {};
};

ChosenData choose_data(const Options& options) {
  if (options.data && *options.data != "digits") return {nn::load_idx(*options.data)};
  std::string note;
  if (!options.data) {
    if (const auto folder = nn::find_idx(nn::mnist_folders())) return {nn::load_idx(*folder)};
    note = "MNIST is not here (./tools/get_mnist gets it): digits drawn by the program";
  }
  return {nn::draw_digits({.seed = options.seed}), /*drawn=*/true, note};
}

/// Starts the device while another thread reads the data: on a GPU each takes a good part of a
/// short run.
void choose_device_and_data(const Options& options, Run& run) {
  std::future<ChosenData> reading = std::async(std::launch::async, [&options, &run] {
    const Clock::time_point start = Clock::now();
    ChosenData data = choose_data(options);
    run.data_seconds = seconds_since(start);
    return data;
  });
  choose_device(options, run);
  check_kernels(options, run.device);
  if (options.memory_limit_mb > 0)
    pool_of(run.device).set_limit(static_cast<size_t>(options.memory_limit_mb) * 1'000'000);
  ChosenData data = reading.get();
  run.dataset = std::move(data.dataset);
  run.drawn = data.drawn;
  run.data_note = data.note;
}

/// What a healthy run of the defaults reaches with room to spare; see the README's table.
std::optional<double> default_target(const Run& run) {
  if (run.dataset.name != "mnist" && !run.drawn) return std::nullopt;
  return run.options.model == ModelKind::lenet ? 99.0 : 97.0;
}

}  // namespace

std::optional<bool> passed(const Run& run, const Results& results) {
  if (!run.target) return std::nullopt;
  return !results.interrupted && results.test_accuracy() >= *run.target;
}

Run prepare(const Options& options) {
  Run run;
  run.options = options;
  if (options.threads > 0) set_thread_count(options.threads);
  if (options.instructions) use_instructions(*options.instructions);
  choose_device_and_data(options, run);
  const int64_t images = run.dataset.train.count;
  if (options.batch_size > images)
    fail(ErrorKind::usage, "--batch-size {} is larger than the training set of {} images",
         options.batch_size, images);
  if (run.options.epochs == 0) run.options.epochs = default_epochs(run.device);
  run.learning_rate = options.learning_rate.value_or(default_learning_rate(options.optimizer));
  run.target = options.target_accuracy ? options.target_accuracy : default_target(run);
  return run;
}

}  // namespace strata::train_mnist
