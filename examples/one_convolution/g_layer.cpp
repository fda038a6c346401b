// (g) The convolution as a layer that learns: it owns its filters, and training changes them.
#include "examples/one_convolution/level.h"
#include "nn/conv2d.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "ops/operators.h"
#include "ops/reduce.h"

namespace strata::one_convolution {
namespace {

Result run(const Problem& problem, Device device) {
  const Tensor image = Tensor::from(problem.image, {kBatch, kHeight, kWidth, kChannels}, device);
  nn::Builder builder{.device = device};
  nn::Conv2D layer(builder, kChannels, kFilters, {kWindow, kWindow});
  nn::FlatParameters parameters(layer);  // all of them in one buffer, the gradients in another
  Tensor& filter = *parameters.parameters()[0].tensor;  // [1] is the bias, which starts at 0
  filter.copy_from(Tensor::from(problem.filter, filter.shape()));

  Result result;
  result.output = layer(image).to_vector<float>();  // the same numbers as on every other level

  // What the layer shall learn: to answer 1 everywhere.
  const auto loss_of = [](const Tensor& output) {
    const Tensor distance = output - 1.0;
    return ops::mean(distance * distance);
  };
  nn::SGD optimizer(parameters);  // stochastic gradient descent: weight -= rate * gradient
  constexpr double kRate = 0.5;
  ops::StepState state = ops::first_step(  // step number and learning rate, on the device
      nn::make_schedule(nn::ScheduleKind::constant, kRate, kWarmUps + kTimedRuns), device);
  const auto step = [&] {
    parameters.zero_grad();
    backward(loss_of(layer(image)));  // from the loss to the gradients, node by node
    optimizer.update(state);
    wait_for(device);
  };
  const float first_loss = loss_of(layer(image)).item<float>();
  const float first_weight = filter.to_vector<float>()[0];
  result.microseconds = median_microseconds(step);
  const float last_loss = loss_of(layer(image)).item<float>();
  const float last_weight = filter.to_vector<float>()[0];
  if (!(last_loss < first_loss) || first_weight == last_weight)
    fail(ErrorKind::diverged, "the training steps did not lower the loss: from {} to {}",
         first_loss, last_loss);
  result.note = fmt::format(
      "the time of a training step; {} of them: loss {:.3f} -> {:.3f}, a weight {:.3f} -> {:.3f}",
      kWarmUps + kTimedRuns, first_loss, last_loss, first_weight, last_weight);
  return result;
}

}  // namespace

const Level kLayer = {
    Needs::nothing, run,
    R"(   Adds parameters and learning: the layer owns its filters, autograd goes back through the nodes
   to their gradients (of a convolution: convolutions again), and an optimizer changes them.
   What is left to write is a network, its data and a loop: examples/train_mnist.
)"};

}  // namespace strata::one_convolution
