#include "nn/sequential.h"

namespace strata::nn {

Sequential& Sequential::append(std::string name, std::unique_ptr<Module> layer) {
  check(!name.empty() && name.find('.') == std::string::npos,
        "Sequential: '{}' cannot name a layer; names are not empty and have no dot", name);
  for (const NamedModule& child : children())
    check(child.name != name, "Sequential: two layers are named '{}'", name);
  layer->set_training(training());
  layer->set_step(step());
  add_child(std::move(name), *layer);
  layers_.push_back(std::move(layer));
  return *this;
}

Tensor Sequential::forward(const Tensor& input) {
  Tensor value = input;
  for (const auto& layer : layers_) value = (*layer)(value);
  return value;
}

ops::ClassificationLoss Sequential::forward_cross_entropy(const Tensor& input,
                                                          const Tensor& labels) {
  if (layers_.empty()) return Module::forward_cross_entropy(input, labels);
  Tensor value = input;
  for (size_t i = 0; i + 1 < layers_.size(); ++i) value = (*layers_[i])(value);
  return layers_.back()->cross_entropy(value, labels);
}

std::string Sequential::description() const {
  return fmt::format("Sequential of {} layers", layers_.size());
}

}  // namespace strata::nn
