#include "nn/module.h"

namespace strata::nn {

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

void Module::set_training(bool training) {
  training_ = training;
  for (const NamedModule& child : children_) child.module->set_training(training);
}

void Module::add_parameter(std::string name, Tensor& parameter) {
  parameter.set_requires_grad(true);
  parameters_.push_back({std::move(name), &parameter});
}

void Module::add_buffer(std::string name, Tensor& buffer) {
  buffers_.push_back({std::move(name), &buffer});
}

void Module::add_child(std::string name, Module& child) {
  children_.push_back({std::move(name), &child});
}

}  // namespace strata::nn
