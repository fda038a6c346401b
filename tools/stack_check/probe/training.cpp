// The point of it all: lenet learns MNIST, or the digits that the program draws where MNIST is not
// there. One epoch from seed 1 on the GPU, then again, which must give the same weights bit for
// bit, and the first ten steps on the CPU's own kernels, whose losses must agree. The bands for
// loss and accuracy, and how they were found, are in data/facts.json.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "examples/train_mnist/models.h"
#include "nn/digits.h"
#include "nn/evaluate.h"
#include "nn/flat_parameters.h"
#include "nn/idx.h"
#include "nn/optimizer.h"
#include "nn/training_step.h"
#include "ops/settings.h"
#include "tensor/build_config.h"
#include "tools/stack_check/probe/framework.h"
#include "tools/stack_check/probe/gpu.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kBatch = 256;
constexpr double kLearningRate = 0.005;
constexpr size_t kFirstSteps = 10, kLastSteps = 20;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// MNIST if it is there and sound: a damaged file is no fault of the GPU's stack.
nn::Dataset load_data() {
  if (const auto folder = nn::find_idx(nn::mnist_folders())) try {
      nn::Dataset dataset = nn::load_idx(*folder);
      if (dataset.name == "mnist") return dataset;
    } catch (const Error&) {
    }
  return nn::draw_digits({.seed = kSeed, .train_count = 12000, .test_count = 2000});
}

/// What train_mnist trains by default, for one epoch.
class Trainer {
 public:
  Trainer(const nn::Dataset& dataset, const nn::DeviceDataset& data, Device device)
      : builder_{.device = device, .seed = kSeed},
        model_(train_mnist::make_model(train_mnist::ModelKind::lenet, dataset, builder_)),
        parameters_(*model_),
        optimizer_(parameters_, nn::AdamOptions{.beta1 = 0.8, .beta2 = 0.95}),
        loader_(data.train, {.batch_size = kBatch, .seed = kSeed}),
        step_({.model = *model_,
               .parameters = parameters_,
               .optimizer = optimizer_,
               .loader = loader_,
               .schedule = nn::make_schedule(nn::ScheduleKind::one_cycle, kLearningRate,
                                             loader_.steps_per_epoch())}) {}

  /// The losses so far, of this many more steps and all before. Waits for the device.
  std::vector<float> run(size_t steps) {
    for (size_t i = 0; i < steps; ++i) step_.run();
    return step_.read_metrics().losses;
  }
  size_t steps() const { return static_cast<size_t>(loader_.steps_per_epoch()); }
  nn::Module& model() { return *model_; }
  std::vector<float> weights() { return parameters_.values().to_vector<float>(); }

 private:
  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  nn::Adam optimizer_;
  nn::Loader loader_;
  nn::TrainingStep step_;
};

struct Epoch {
  std::vector<float> losses, weights;
  double accuracy = 0;      // percent of the test images
  double step_seconds = 0;  // mean of all steps but the first ten
};

Epoch train(const nn::Dataset& dataset, Device device) {
  const nn::DeviceDataset data(dataset, device);
  Trainer trainer(dataset, data, device);
  Epoch epoch;
  trainer.run(kFirstSteps);
  const Clock::time_point start = Clock::now();
  epoch.losses = trainer.run(trainer.steps() - kFirstSteps);
  epoch.step_seconds = seconds_since(start) / static_cast<double>(trainer.steps() - kFirstSteps);
  epoch.accuracy = 100 * nn::evaluate(trainer.model(), data.test);
  epoch.weights = trainer.weights();
  return epoch;
}

std::vector<float> first_losses_on_cpu(const nn::Dataset& dataset) {
  const SettingsScope own({.kernels = Kernels::own});
  const nn::DeviceDataset data(dataset, Device::cpu);
  return Trainer(dataset, data, Device::cpu).run(kFirstSteps);
}

nlohmann::json first_of(const std::vector<float>& losses) {
  nlohmann::json first = nlohmann::json::array();
  for (size_t i = 0; i < std::min(kFirstSteps, losses.size()); ++i)
    first.push_back(reportable(losses[i]));
  return first;
}

double last_mean(const std::vector<float>& losses) {
  return std::accumulate(losses.end() - kLastSteps, losses.end(), 0.0) / kLastSteps;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_training(Reporter& report, Device device, bool quick) {
  const nn::Dataset dataset = load_data();
  report.facts({{"data", dataset.name}, {"batch", kBatch}});

  Epoch first, second;
  if (!report.call("training, first run",
                   [&] { return attempt([&] { first = train(dataset, device); }); }))
    return;
  report.facts({{"steps", first.losses.size()},
                {"first_losses", first_of(first.losses)},
                {"loss", reportable(last_mean(first.losses))},
                {"accuracy", first.accuracy}});

  if (report.call("training, second run",
                  [&] { return attempt([&] { second = train(dataset, device); }); })) {
    report.facts({{"same_bits", same_bits(first.weights, second.weights)}});
    // Of the second run, which finds all libraries loaded and all convolutions planned.
    if (!quick) report.facts({{"step_us", 1e6 * second.step_seconds}});
  }

  std::vector<float> losses;
  if (report.call("the first ten steps on the CPU",
                  [&] { return attempt([&] { losses = first_losses_on_cpu(dataset); }); }))
    report.facts({{"first_losses_cpu", first_of(losses)}});
}

}  // namespace

void probe_training(Reporter& report, const ProbeOptions& options) {
  report.facts({{"gpu_code", kHasCuda}});
  if constexpr (kHasCuda) {
    const Clock::time_point start = Clock::now();
    const SettingsScope automatic({.kernels = Kernels::automatic});
    check_training(report, gpu::framework_device(), options.quick);
    report.facts({{"seconds", seconds_since(start)}});
  }
}

}  // namespace strata::stack_probe
