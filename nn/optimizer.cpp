#include "nn/optimizer.h"

#include "tensor/pool.h"

namespace strata::nn {
namespace {

ops::AdamOptions with_decay(const AdamOptions& options, bool decoupled) {
  return {.beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .weight_decay = options.weight_decay,
          .decoupled = decoupled};
}

std::string decay_text(double weight_decay) {
  return weight_decay > 0 ? fmt::format(", weight decay {}", weight_decay) : "";
}

}  // namespace

Tensor Optimizer::make_state() const {
  const MemoryScope scope(MemoryUse::optimizer);
  return Tensor::zeros(parameters_.values().shape(), DType::float32, parameters_.device());
}

SGD::SGD(FlatParameters& parameters, const ops::SgdOptions& options)
    : Optimizer(parameters), options_(options) {
  if (options.momentum > 0) velocity_ = make_state();
}

void SGD::update(ops::StepState& state) {
  ops::sgd_update(parameters_.values(), parameters_.gradients(), velocity_, state, options_);
}

std::string SGD::description() const {
  std::string text = "SGD";
  if (options_.momentum > 0)
    text += fmt::format(", {}momentum {}", options_.nesterov ? "Nesterov " : "", options_.momentum);
  return text + decay_text(options_.weight_decay);
}

std::vector<Tensor> SGD::state() const {
  return velocity_.defined() ? std::vector{velocity_} : std::vector<Tensor>{};
}

Adam::Adam(FlatParameters& parameters, const AdamOptions& options)
    : Adam(parameters, with_decay(options, /*decoupled=*/false)) {}

Adam::Adam(FlatParameters& parameters, const ops::AdamOptions& options)
    : Optimizer(parameters),
      options_(options),
      first_moment_(make_state()),
      second_moment_(make_state()) {}

void Adam::update(ops::StepState& state) {
  ops::adam_update(parameters_.values(), parameters_.gradients(), first_moment_, second_moment_,
                   state, options_);
}

std::string Adam::description() const {
  return (options_.decoupled ? "AdamW" : "Adam") + decay_text(options_.weight_decay);
}

std::vector<Tensor> Adam::state() const {
  return {first_moment_, second_moment_};
}

AdamW::AdamW(FlatParameters& parameters, const AdamOptions& options)
    : Adam(parameters, with_decay(options, /*decoupled=*/true)) {}

}  // namespace strata::nn
