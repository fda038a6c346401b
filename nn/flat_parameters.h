// All parameters of a model in one buffer and all their gradients in another: an optimizer, a norm
// or an exchange between GPUs is then one kernel or one call, whatever the model.
#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace strata::nn {

class FlatParameters {
 public:
  /// Moves the parameters that require gradients into flat float32 memory, keeping their values,
  /// and makes the model's tensors views of it. A leaf's gradient is preset to its part of the
  /// gradient buffer, so that backward writes there and copies nothing. A parameter starts at a
  /// multiple of 64 elements, as aligned as a block of its own; the elements between are and stay
  /// 0. The model must outlive this object. Throws `invalid_argument` for a model without
  /// parameters, or with parameters on two devices or not float32.
  explicit FlatParameters(Module& model);
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  struct Parameter {
    std::string name;
    Tensor* tensor;
    Tensor gradient;  // a view of gradients()
  };
  const std::vector<Parameter>& parameters() const { return parameters_; }

  Tensor& values() { return values_; }
  /// What backward passes since zero_grad() gave, 0 for parameters that none of them reached.
  Tensor& gradients();
  Device device() const { return values_.device(); }

  /// The next backward pass overwrites all gradients.
  void zero_grad();

 private:
  std::vector<Parameter> parameters_;
  Tensor values_, gradients_;
};

}  // namespace strata::nn
