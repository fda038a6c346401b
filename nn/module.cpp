#include "nn/module.h"

#include "ops/softmax_cross_entropy.h"
#include "tensor/error.h"
#include "tensor/trace.h"

namespace strata::nn {
namespace {

thread_local const ForwardObserver* observer = nullptr;

}  // namespace

Tensor Module::operator()(const Tensor& input) {
  TraceScope trace(TraceLayer::module, name_);
  if (trace) trace->detail = description();
  Tensor output = forward(input);
  if (observer) observer->function_(*this, output);
  return output;
}

ops::ClassificationLoss Module::cross_entropy(const Tensor& input, const Tensor& labels) {
  TraceScope trace(TraceLayer::module, name_);
  if (trace) trace->detail = description() + ", with the loss";
  ops::ClassificationLoss result = forward_cross_entropy(input, labels);
  if (observer) observer->function_(*this, result.logits);
  return result;
}

ops::ClassificationLoss Module::forward_cross_entropy(const Tensor& input, const Tensor& labels) {
  const Tensor logits = forward(input);
  const Tensor loss = ops::softmax_cross_entropy(logits, labels);
  return {.loss = loss, .losses = loss.detach(), .logits = logits.detach()};
}

std::vector<NamedTensor> Module::collect(std::vector<NamedTensor> Module::*kind) const {
  std::vector<NamedTensor> result = this->*kind;
  for (const NamedModule& child : children_) {
    for (NamedTensor& named : child.module->collect(kind))
      result.push_back({child.name + "." + named.name, named.tensor});
  }
  return result;
}

std::vector<NamedTensor> Module::parameters() const { return collect(&Module::parameters_); }
std::vector<NamedTensor> Module::buffers() const { return collect(&Module::buffers_); }

std::vector<Module::NamedModule> Module::descendants() const {
  std::vector<NamedModule> result;
  for (const NamedModule& child : children_) {
    result.push_back(child);
    for (const NamedModule& inner : child.module->descendants())
      result.push_back({child.name + "." + inner.name, inner.module});
  }
  return result;
}

void Module::set_training(bool training) {
  training_ = training;
  for (const NamedModule& child : children_) child.module->set_training(training);
}

void Module::set_step(const Tensor& step) {
  step_ = step;
  for (const NamedModule& child : children_) child.module->set_step(step);
}

void Module::add_parameter(std::string name, Tensor& parameter) {
  parameter.set_requires_grad(true);
  parameters_.push_back({std::move(name), &parameter});
}

void Module::add_buffer(std::string name, Tensor& buffer) {
  buffers_.push_back({std::move(name), &buffer});
}

void Module::add_child(std::string name, Module& child) {
  child.name_ = name;
  children_.push_back({std::move(name), &child});
}

ForwardObserver::ForwardObserver(Function function) : function_(std::move(function)) {
  check(observer == nullptr, "a forward pass has one observer at a time");
  observer = this;
}

ForwardObserver::~ForwardObserver() { observer = nullptr; }

EvaluationScope::EvaluationScope(Module& model) {
  modes_.push_back({&model, model.training()});
  for (const Module::NamedModule& inner : model.descendants())
    modes_.push_back({inner.module, inner.module->training()});
  model.set_training(false);
}

// set_training() reaches down, so outer modules come first.
EvaluationScope::~EvaluationScope() {
  for (const auto& [module, training] : modes_) module->set_training(training);
}

}  // namespace strata::nn
