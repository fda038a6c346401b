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

std::string Sequential::description() const {
  return fmt::format("Sequential of {} layers", layers_.size());
}

}  // namespace strata::nn
