// Modules one after another: the output of each is the input of the next.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/module.h"

namespace strata::nn {

/// Sequential model;
/// model.add<Flatten>().add<Dense>(builder, 784, 10);
class Sequential : public Module {
 public:
  /// Appends a layer, named by its position: "0", "1", ...
  template <class Layer, class... Args>
  Sequential& add(Args&&... args) {
    return append(std::to_string(layers_.size()),
                  std::make_unique<Layer>(std::forward<Args>(args)...));
  }
  template <class Layer, class... Args>
  Sequential& add_named(std::string name, Args&&... args) {
    return append(std::move(name), std::make_unique<Layer>(std::forward<Args>(args)...));
  }
  /// Throws `invalid_argument` when the name is taken or has a dot, which separates names.
  Sequential& append(std::string name, std::unique_ptr<Module> layer);

  Tensor forward(const Tensor& input) override;
  std::string description() const override;

 protected:
  /// The last layer's cross_entropy() on what the others make of the input.
  ops::ClassificationLoss forward_cross_entropy(const Tensor& input, const Tensor& labels) override;

 private:
  std::vector<std::unique_ptr<Module>> layers_;
};

}  // namespace strata::nn
