// Every op of a training step of lenet, on each rung of the GPU, against the CPU's reference: the
// output, and the gradient of every input under one fixed random gradient of the output. Sizes are
// small and odd, so that no kernel gets away with whole blocks only.
#include <algorithm>
#include <functional>

#include "ops/adam_update.h"
#include "ops/bias_add.h"
#include "ops/conv2d.h"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/gather_batch.h"
#include "ops/pool2d.h"
#include "ops/settings.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/unary.h"
#include "tensor/autograd.h"
#include "tensor/build_config.h"
#include "tensor/random.h"
#include "tools/stack_check/probe/framework.h"
#include "tools/stack_check/probe/gpu.h"
#include "tools/stack_check/probe/probes.h"

namespace strata::stack_probe {
namespace {

// Of max |difference| / max |expected|. A float32 rounds to 6e-8; sums of the at most 600 terms
// here in another order differ by some 1e-6. TF32, which rounds factors to 5e-4, is far above it,
// and so is a wrong element.
constexpr double kTolerance = 2e-5;

using Tensors = std::vector<Tensor>;

enum class Has { nothing, gradient, gradient_and_library };  // library: cuDNN or cuBLASLt

struct Op {
  const char* name;
  Has has;
  Tensors inputs;                                     // on the CPU
  std::function<Tensors(const Tensors& inputs)> run;  // the first output is differentiated
};

/// Uniform in [-1, 1), from the seed.
Tensor random_tensor(const Shape& shape, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 2 * random_uniform(seed, 0, i) - 1;
  return Tensor::from(values, shape);
}

template <class Integer>
Tensor random_integers(const Shape& shape, int limit, uint64_t seed) {
  std::vector<Integer> values(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<Integer>(random_word(seed, 0, i) % static_cast<uint32_t>(limit));
  return Tensor::from(values, shape);
}

Op convolution(const char* name, const Shape& input, const Shape& weight) {
  return {name,
          Has::gradient_and_library,
          {random_tensor(input, 1), random_tensor(weight, 2)},
          [](const Tensors& x) { return Tensors{ops::conv2d(x[0], x[1])}; }};
}

Op gather_batch() {
  return {"gather_batch",
          Has::nothing,
          {random_integers<uint8_t>({11, 5, 3, 1}, 256, 1), random_integers<uint8_t>({11}, 10, 2)},
          [](const Tensors& x) {
            const Device device = x[0].device();
            Tensor images = Tensor::empty({4, 5, 3, 1}, DType::float32, device);
            Tensor labels = Tensor::empty({4}, DType::int32, device);
            const Tensor step = Tensor::from(std::vector<int32_t>{2}, {1}, device);
            ops::gather_batch(x[0], x[1], step, {.seed = 1, .scale = 0.01f}, images, labels);
            return Tensors{images, labels};
          }};
}

Op adam_update() {
  return {"adam_update",
          Has::nothing,
          {random_tensor({67}, 1), random_tensor({67}, 2)},
          [](const Tensors& x) {
            const Device device = x[0].device();
            Tensor weights = x[0].clone();
            Tensor first = Tensor::full({67}, 0.1, DType::float32, device);
            Tensor second = Tensor::full({67}, 0.2, DType::float32, device);
            ops::StepState state = ops::first_step({.peak = 0.005}, device);
            ops::adam_update(weights, x[1].detach(), first, second, state, {});
            return Tensors{weights, first, second};
          }};
}

std::vector<Op> ops_of_a_step() {
  using namespace ops;
  return {gather_batch(),
          convolution("conv2d 5x5", {3, 13, 11, 1}, {24, 5, 5, 1}),
          convolution("conv2d 3x3", {3, 9, 7, 24}, {32, 3, 3, 24}),
          {"bias_add",
           Has::gradient,
           {random_tensor({3, 5, 7, 24}, 1), random_tensor({24}, 2)},
           [](const Tensors& x) { return Tensors{bias_add(x[0], x[1])}; }},
          {"max_pool2d",
           Has::gradient_and_library,
           {random_tensor({3, 11, 9, 24}, 1)},
           [](const Tensors& x) { return Tensors{max_pool2d(x[0])}; }},
          {"relu",
           Has::gradient_and_library,
           {random_tensor({3, 5, 7, 23}, 1)},
           [](const Tensors& x) { return Tensors{relu(x[0])}; }},
          {"dense",
           Has::gradient_and_library,
           {random_tensor({13, 65}, 1), random_tensor({11, 65}, 2), random_tensor({11}, 3)},
           [](const Tensors& x) { return Tensors{dense(x[0], x[1], x[2], Activation::relu)}; }},
          {"softmax_cross_entropy",
           Has::gradient,
           {random_tensor({13, 10}, 1), random_integers<int32_t>({13}, 10, 2)},
           [](const Tensors& x) { return Tensors{softmax_cross_entropy(x[0], x[1])}; }},
          {"dense_softmax_cross_entropy",
           Has::gradient,
           {random_tensor({13, 132}, 1), random_tensor({10, 132}, 2), random_tensor({10}, 3),
            random_integers<int32_t>({13}, 10, 4)},
           [](const Tensors& x) {
             const auto end = dense_softmax_cross_entropy(x[0], x[1], x[2], x[3]);
             return Tensors{end.loss, end.logits};
           }},
          adam_update()};
}

using Values = std::vector<double>;

Values values_of(const Tensor& tensor) {
  const auto widened = [](const auto& values) { return Values(values.begin(), values.end()); };
  return tensor.dtype() == DType::int32 ? widened(tensor.to_vector<int32_t>())
                                        : widened(tensor.to_vector<float>());
}

struct Result {
  std::vector<Values> outputs, gradients;
};

Result run(const Op& op, Device device, Kernels kernels) {
  const SettingsScope scope({.kernels = kernels});
  Tensors inputs;
  for (const Tensor& input : op.inputs) {
    inputs.push_back(device == Device::cpu ? input.clone() : input.to(device));
    if (input.dtype() == DType::float32) inputs.back().set_requires_grad(true);
  }
  const Tensors outputs = op.run(inputs);
  Result result;
  for (const Tensor& output : outputs) result.outputs.push_back(values_of(output));
  if (!outputs[0].requires_grad()) return result;
  backward(outputs[0], random_tensor(outputs[0].shape(), 5).to(device));
  for (const Tensor& input : inputs)
    if (input.requires_grad()) result.gradients.push_back(values_of(input.grad()));
  return result;
}

/// The largest max |difference| / max |expected| of the tensors.
double error(const std::vector<Values>& actual, const std::vector<Values>& expected) {
  double worst = 0;
  for (size_t t = 0; t < expected.size(); ++t) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < expected[t].size(); ++i) {
      difference = std::max(difference, reportable(std::fabs(actual[t][i] - expected[t][i])));
      size = std::max(size, std::fabs(expected[t][i]));
    }
    worst = std::max(worst, size > 0 ? difference / size : difference);
  }
  return worst;
}

nlohmann::json check(const Op& op, Device device, Kernels kernels) {
  const Result expected = run(op, Device::cpu, Kernels::reference);
  const Result actual = run(op, device, kernels);
  return {{"op", op.name},
          {"rung", name_of(kernels)},
          {"output_error", error(actual.outputs, expected.outputs)},
          {"gradient_error", error(actual.gradients, expected.gradients)},
          {"tolerance", kTolerance}};
}

void check_ops(Reporter& report, Device device) {
  nlohmann::json results = nlohmann::json::array();
  for (const Op& op : ops_of_a_step())
    for (const Kernels kernels : {Kernels::own, Kernels::library}) {
      const bool in_library = op.has == Has::gradient_and_library && device == Device::gpu;
      if (kernels == Kernels::library && !in_library) continue;
      const std::string name = fmt::format("{} on {}{}", op.name, name_of(kernels),
                                           op.has == Has::nothing ? "" : ", forward and gradient");
      report.call(name,
                  [&] { return attempt([&] { results.push_back(check(op, device, kernels)); }); });
      report.facts({{"ops", results}});
    }
}

}  // namespace

void probe_ops(Reporter& report, const ProbeOptions&) {
  report.facts({{"gpu_code", kHasCuda}});
  if constexpr (kHasCuda) {
    gpu::Properties properties;
    if (!report.call("cudaGetDeviceProperties", [&] { return gpu::properties(0, properties); }))
      return;
    report.facts({{"device", properties.name}});
    check_ops(report, gpu::framework_device());
  }
}

}  // namespace strata::stack_probe
