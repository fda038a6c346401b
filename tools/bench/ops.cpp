#include "tools/bench/ops.h"

#include <fmt/format.h>

#include <random>

#include "examples/train_mnist/models.h"
#include "nn/flat_parameters.h"
#include "ops/adam_update.h"
#include "ops/conv2d_relu_max_pool.h"
#include "ops/dense.h"
#include "ops/dense_softmax_cross_entropy.h"
#include "ops/gather_batch.h"
#include "ops/record_metrics.h"
#include "ops/step_state.h"
#include "tensor/autograd.h"

namespace strata::bench {
namespace {

constexpr ops::Schedule kSchedule{.peak = 1e-3};

Tensor random_leaf(const Shape& shape, Device device) {
  return random_tensor(shape, device).set_requires_grad(true);
}

Tensor random_labels(int64_t batch, int64_t classes, Device device) {
  std::vector<int32_t> values(static_cast<size_t>(batch));
  std::minstd_rand generator(7);
  for (int32_t& value : values) value = static_cast<int32_t>(generator() % classes);
  return Tensor::from(values, {batch}, device);
}

OpOfStep gather_op(const Data& data, int64_t batch) {
  const auto& set = data.dataset;
  const Device device = data.device();
  const Shape images{batch, set.height, set.width, set.channels};
  return {.name = "batch",
          .op = "gather_batch",
          .shapes = fmt::format("{}", images),
          .work = {.forward = gather_batch_work(batch, images.size() / batch)},
          .make = [&data, batch, images, device] {
            const auto out = Tensor::empty(images, DType::float32, device);
            const auto labels = Tensor::empty({batch}, DType::int32, device);
            const auto step = Tensor::zeros({1}, DType::int32, device);
            const auto& from = data.on_device.train;
            return OpCase{.forward = [=] {
              Tensor images_out = out, labels_out = labels;
              ops::gather_batch(from.images, from.labels, step, {.seed = 1, .scale = 0.01f},
                                images_out, labels_out);
              return Tensor();
            }};
          }};
}

OpOfStep stage_op(std::string name, const StageShape& shape, bool input_needs_gradient,
                  Device device) {
  const Shape x{shape.batch, shape.height, shape.width, shape.in_channels};
  const Shape w{shape.out_channels, shape.window, shape.window, shape.in_channels};
  return {.name = std::move(name),
          .op = "conv2d_relu_max_pool",
          .shapes = fmt::format("{} * {}", x, w),
          .work = stage_work(shape, input_needs_gradient),
          .make = [=] {
            const Tensor input =
                input_needs_gradient ? random_leaf(x, device) : random_tensor(x, device);
            const Tensor weight = random_leaf(w, device), bias = random_leaf({w[0]}, device);
            return OpCase{.forward = [=] { return ops::conv2d_relu_max_pool(input, weight, bias); },
                          .leaves = {input, weight, bias}};
          }};
}

OpOfStep dense_op(std::string name, const Shape& x, int64_t outputs, bool input_needs_gradient,
                  Device device) {
  const Shape w{outputs, x[1]};
  return {.name = std::move(name),
          .op = "dense",
          .shapes = fmt::format("{} * {}, relu", x, w),
          .work = dense_work(x[0], x[1], outputs, input_needs_gradient),
          .make = [=] {
            const Tensor input =
                input_needs_gradient ? random_leaf(x, device) : random_tensor(x, device);
            const Tensor weight = random_leaf(w, device), bias = random_leaf({w[0]}, device);
            return OpCase{
                .forward = [=] { return ops::dense(input, weight, bias, ops::Activation::relu); },
                .leaves = {input, weight, bias}};
          }};
}

/// Stands for the op before, and does nothing with its gradient: a leaf would copy it.
struct OpBefore : Node {
  Gradients backward(const Tensor&) override { return {}; }
};

Tensor output_of_an_op(Tensor tensor) {
  attach(std::make_shared<OpBefore>(), "the op before", {}, tensor);
  return tensor;
}

/// The last layer and the loss.
OpOfStep classifier_op(std::string name, const Shape& x, int64_t classes, Device device) {
  const Shape w{classes, x[1]};
  return {.name = std::move(name),
          .op = "dense_softmax_cross_entropy",
          .shapes = fmt::format("{} * {}", x, w),
          .work = dense_softmax_cross_entropy_work(x[0], x[1], classes),
          .make = [=] {
            const Tensor input = random_tensor(x, device);
            const Tensor weight = random_leaf(w, device), bias = random_leaf({classes}, device);
            const Tensor labels = random_labels(x[0], classes, device);
            return OpCase{.forward =
                              [=] {
                                return ops::dense_softmax_cross_entropy(output_of_an_op(input),
                                                                        weight, bias, labels,
                                                                        ops::LossValue::left_out)
                                    .loss;
                              },
                          .leaves = {weight, bias}};
          }};
}

OpOfStep metrics_op(int64_t batch, int64_t classes, Device device) {
  const Shape shape{batch, classes};
  return {.name = "metrics",
          .op = "record_metrics",
          .shapes = fmt::format("{}", shape),
          .work = {.forward = record_metrics_work(batch, classes)},
          .make = [=] {
            const Tensor logits = random_tensor(shape, device);
            const Tensor labels = random_labels(batch, classes, device);
            const auto losses = Tensor::full({batch}, 0.5, DType::float32, device);
            const auto state = ops::first_step(kSchedule, device);
            const auto metrics = ops::StepMetrics::of(100, device);
            return OpCase{.forward = [=] {
              ops::StepState at = state;
              ops::StepMetrics ring = metrics;
              ops::record_metrics(logits, labels, losses, at, ring);
              return Tensor();
            }};
          }};
}

OpOfStep adam_op(int64_t parameters, Device device) {
  return {.name = "optimizer",
          .op = "adam_update",
          .shapes = fmt::format("{}", parameters),
          .work = {.forward = adam_update_work(parameters)},
          .make = [=] {
            const Tensor weights = random_tensor({parameters}, device);
            const Tensor gradients = random_tensor({parameters}, device);
            const auto first = Tensor::zeros({parameters}, DType::float32, device);
            const auto second = Tensor::zeros({parameters}, DType::float32, device);
            const auto state = ops::first_step(kSchedule, device);
            return OpCase{.forward = [=] {
              Tensor w = weights, m = first, v = second;
              ops::StepState at = state;
              ops::adam_update(w, gradients, m, v, at, {.beta1 = 0.7, .beta2 = 0.9});
              return Tensor();
            }};
          }};
}

void add_lenet(std::vector<OpOfStep>& ops, const nn::Dataset& set, int64_t batch, Device device) {
  const StageShape first{batch, set.height, set.width, set.channels, 5, 24};
  const StageShape second{batch, first.pooled_height(), first.pooled_width(), 24, 3, 32};
  const int64_t features = second.pooled_height() * second.pooled_width() * 32;
  ops.push_back(stage_op("conv1", first, false, device));
  ops.push_back(stage_op("conv2", second, true, device));
  ops.push_back(dense_op("dense1", {batch, features}, 256, true, device));
  ops.push_back(classifier_op("dense2", {batch, 256}, set.classes, device));
}

void add_mlp(std::vector<OpOfStep>& ops, const nn::Dataset& set, const Configuration& at,
             Device device) {
  const int64_t pixels = set.height * set.width * set.channels, batch = at.batch_size;
  const auto [first, second] = at.widths();
  ops.push_back(dense_op("dense1", {batch, pixels}, first, false, device));
  ops.push_back(dense_op("dense2", {batch, first}, second, true, device));
  ops.push_back(classifier_op("dense3", {batch, second}, set.classes, device));
}

/// With the gaps between parameters, which the optimizer passes over like any other number.
int64_t flat_size(const Data& data, const Configuration& at) {
  nn::Builder builder;
  const auto model = train_mnist::make_model(at.model, data.dataset, builder, at.widths());
  return nn::FlatParameters(*model).values().size();
}

}  // namespace

Tensor random_tensor(const Shape& shape, Device device) {
  std::vector<float> values(static_cast<size_t>(shape.size()));
  std::minstd_rand generator(7);
  for (float& value : values)
    value = static_cast<float>(generator()) / static_cast<float>(generator.max()) - 0.5f;
  return Tensor::from(values, shape, device);
}

std::vector<OpOfStep> ops_of_step(const Data& data, const Configuration& configuration) {
  const int64_t batch = configuration.batch_size, classes = data.dataset.classes;
  const Device device = data.device();
  std::vector<OpOfStep> ops{gather_op(data, batch)};
  if (configuration.model == ModelKind::lenet)
    add_lenet(ops, data.dataset, batch, device);
  else
    add_mlp(ops, data.dataset, configuration, device);
  ops.push_back(metrics_op(batch, classes, device));
  ops.push_back(adam_op(flat_size(data, configuration), device));
  return ops;
}

}  // namespace strata::bench
