#include "tools/xray/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <ranges>

#include "nn/flat_parameters.h"
#include "nn/loader.h"
#include "nn/schedule.h"
#include "tensor/autograd.h"
#include "tensor/error.h"
#include "tools/xray/record.h"

namespace strata::xray {
namespace {

struct Snapshot {
  std::string name;
  Quantity quantity;
  Tensor tensor;  // on the CPU
};

Tensor on_cpu(const Tensor& tensor) {
  Tensor copy = Tensor::empty(tensor.shape(), tensor.dtype(), Device::cpu);
  copy.copy_from(tensor.detach());
  return copy;
}

/// The ops that ran right under each module, by the module's name: "conv1" -> "conv2d".
std::map<std::string, std::string> ops_of_modules(const std::vector<TraceSpan>& spans) {
  std::map<int64_t, std::string> modules;
  for (const TraceSpan& span : spans)
    if (span.layer == TraceLayer::module) modules[span.id] = span.name;
  std::map<std::string, std::string> ops;
  for (const TraceSpan& span : spans) {
    const auto module = modules.find(span.parent);
    if (span.layer != TraceLayer::op || module == modules.end()) continue;
    std::string& names = ops[module->second];
    names += (names.empty() ? "" : ", ") + span.name;
  }
  return ops;
}

/// One contender's network and what it trains with.
class Side {
 public:
  Side(const Contender& contender, const nn::Dataset& data, const CompareOptions& options)
      : contender_(contender),
        builder_{.device = contender.device, .seed = options.seed},
        model_(contender.make_model(builder_)),
        parameters_(*model_),
        optimizer_(options.make_optimizer(parameters_)),
        images_(data, contender.device),
        loader_(images_.train, {.batch_size = options.batch_size, .seed = options.seed}),
        state_(ops::first_step(
            nn::make_schedule(nn::ScheduleKind::constant, options.learning_rate, options.steps),
            contender.device)) {
    model_->set_step(state_.step);
  }

  const std::string& name() const { return contender_.name; }

  /// From the batch to the gradients.
  std::vector<Snapshot> forward_and_backward() {
    const SettingsScope settings = scope();
    std::vector<Snapshot> snapshots;
    const nn::Batch batch = loader_.batch(state_.step);
    snapshots.push_back({"batch (gather_batch)", Quantity::image, on_cpu(batch.images)});
    SpanRecorder spans;
    std::vector<std::pair<std::string, Tensor>> outputs;
    {
      const TraceListening listening(spans);
      const nn::ForwardObserver observer([&](const nn::Module& module, const Tensor& output) {
        outputs.emplace_back(module.name(), on_cpu(output));
      });
      parameters_.zero_grad();
      const ops::ClassificationLoss end = model_->cross_entropy(batch.images, batch.labels);
      outputs.emplace_back("loss",
                           on_cpu(end.losses.size() == 1 ? end.losses : mean_of(end.losses)));
      backward(end.loss);
    }
    const std::map<std::string, std::string> ops = ops_of_modules(spans.spans);
    const auto op_of = [&](const std::string& module) {
      const auto found = ops.find(module);
      return found == ops.end() ? std::string() : fmt::format(" ({})", found->second);
    };
    for (auto& [module, output] : outputs) {
      if (module.empty()) continue;  // the model's output is its last layer's
      const std::string what = module == "loss" ? module : "output of " + module + op_of(module);
      snapshots.push_back({what, Quantity::output, std::move(output)});
    }
    // From the last layer back, as they are computed: the first that is off is where it began.
    for (const nn::FlatParameters::Parameter& parameter :
         parameters_.parameters() | std::views::reverse) {
      const std::string module = parameter.name.substr(0, parameter.name.rfind('.'));
      snapshots.push_back({fmt::format("gradient of {}{}", parameter.name, op_of(module)),
                           Quantity::gradient, on_cpu(parameter.gradient)});
    }
    return snapshots;
  }

  /// By the gradients that are there.
  std::vector<Snapshot> update() {
    const SettingsScope settings = scope();
    const NoGradScope no_grad;
    parameters_.gradients();  // zeros where no pass has been
    optimizer_->update(state_);
    std::vector<Snapshot> snapshots;
    for (const nn::FlatParameters::Parameter& parameter : parameters_.parameters())
      snapshots.push_back(
          {fmt::format("{} after the update ({})", parameter.name, optimizer_->description()),
           Quantity::weight, on_cpu(*parameter.tensor)});
    return snapshots;
  }

  void take_state(Side& from) {
    parameters_.values().copy_from(from.parameters_.values());
    state_.step.copy_from(from.state_.step);
    state_.learning_rate.copy_from(from.state_.learning_rate);
    const std::vector<Tensor> theirs = from.optimizer_->state();
    std::vector<Tensor> ours = optimizer_->state();
    for (size_t i = 0; i < ours.size(); ++i) ours[i].copy_from(theirs[i]);
  }
  void take_gradients(Side& from) {
    parameters_.gradients().copy_from(from.parameters_.gradients());
  }

 private:
  SettingsScope scope() const {
    return SettingsScope({.kernels = contender_.kernels, .precision = Precision::fp32});
  }

  static Tensor mean_of(const Tensor& losses) {
    const std::vector<float> values = on_cpu(losses).to_vector<float>();
    double sum = 0;
    for (const float value : values) sum += value;
    return Tensor::full({}, sum / static_cast<double>(values.size()), DType::float32, Device::cpu);
  }

  Contender contender_;
  nn::Builder builder_;
  std::unique_ptr<nn::Sequential> model_;
  nn::FlatParameters parameters_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  nn::DeviceDataset images_;
  nn::Loader loader_;
  ops::StepState state_;
};

void check_all(const std::string& name, int64_t step, const std::vector<Snapshot>& actual,
               const std::vector<Snapshot>& expected, Comparison& comparison) {
  check(actual.size() == expected.size(), "compare: {} has {} tensors in a step, not {}", name,
        actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const Difference difference{.tensor = actual[i].name,
                                .step = step,
                                .error = error_of(actual[i].tensor, expected[i].tensor),
                                .allowed = allowed_error(actual[i].quantity)};
    if (!(difference.error <= difference.allowed))
      fail(ErrorKind::device,
           "compare-kernels: {} is wrong at step {} in the {}: it is off by {:.2g} of the tensor's "
           "largest number, and {:.2g} is allowed",
           name, step, difference.tensor, difference.error, difference.allowed);
    ++comparison.tensors;
    if (comparison.worst.allowed == 0 ||
        difference.error / difference.allowed > comparison.worst.error / comparison.worst.allowed)
      comparison.worst = difference;
  }
}

}  // namespace

// A sum of n terms in another order differs by some sqrt(n) roundings of 6e-8. Outputs are sums of
// up to 800 terms; a weight's gradient sums over all pixels of a batch, some 100,000, of both
// signs. An update takes the same gradients everywhere, and a few roundings.
double allowed_error(Quantity quantity) {
  switch (quantity) {
    case Quantity::image:
      return 1e-6;
    case Quantity::output:
      return 5e-6;
    case Quantity::gradient:
      return 1e-4;
    case Quantity::weight:
      return 1e-6;
  }
  return 0;
}

double error_of(const Tensor& actual, const Tensor& expected) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (actual.shape() != expected.shape()) return kInfinite;
  const std::vector<float> a = actual.to_vector<float>(), e = expected.to_vector<float>();
  double error = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(e[i])) return kInfinite;
    error = std::max(error, std::abs(static_cast<double>(a[i]) - e[i]));
    largest = std::max(largest, std::abs(static_cast<double>(e[i])));
  }
  if (error == 0) return 0;
  return largest == 0 ? kInfinite : error / largest;
}

std::vector<Comparison> compare(const std::vector<Contender>& contenders, const nn::Dataset& data,
                                const CompareOptions& options) {
  check(!contenders.empty() && options.steps >= 1,
        "compare: it takes a contender and a step, got {} and {}", contenders.size(),
        options.steps);
  std::vector<std::unique_ptr<Side>> sides;
  std::vector<Comparison> comparisons;
  for (const Contender& contender : contenders) {
    sides.push_back(std::make_unique<Side>(contender, data, options));
    comparisons.push_back({.name = contender.name});
  }
  Side& first = *sides.front();
  for (int64_t step = 1; step <= options.steps; ++step) {
    for (size_t i = 1; i < sides.size(); ++i) sides[i]->take_state(first);
    const std::vector<Snapshot> passes = first.forward_and_backward();
    for (size_t i = 1; i < sides.size(); ++i) {
      check_all(sides[i]->name(), step, sides[i]->forward_and_backward(), passes, comparisons[i]);
      sides[i]->take_gradients(first);
    }
    const std::vector<Snapshot> updates = first.update();
    for (size_t i = 1; i < sides.size(); ++i)
      check_all(sides[i]->name(), step, sides[i]->update(), updates, comparisons[i]);
  }
  return comparisons;
}

}  // namespace strata::xray
