// A piece of a network: a function of one tensor, with named parameters and child modules.
#pragma once

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace strata::nn {

/// "conv1.weight" and the tensor, which may be replaced in place (see FlatParameters).
struct NamedTensor {
  std::string name;
  Tensor* tensor;
};

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  // Parameters are registered by address.
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& input) = 0;
  Tensor operator()(const Tensor& input) { return forward(input); }

  /// The layer's type and options, as the summary prints it: "Conv2D 5x5 -> 24".
  virtual std::string description() const = 0;

  /// What training changes, in the order of registration, children after the module's own.
  std::vector<NamedTensor> parameters() const;
  /// What is saved but not trained: running statistics.
  std::vector<NamedTensor> buffers() const;

  struct NamedModule {
    std::string name;
    Module* module;
  };
  const std::vector<NamedModule>& children() const { return children_; }

  /// Dropout and batch normalisation behave differently in training and evaluation.
  void set_training(bool training);
  bool training() const { return training_; }

 protected:
  /// Registers members; `parameter` starts to require gradients.
  void add_parameter(std::string name, Tensor& parameter);
  void add_buffer(std::string name, Tensor& buffer);
  void add_child(std::string name, Module& child);

 private:
  std::vector<NamedTensor> collect(std::vector<NamedTensor> Module::*kind) const;

  std::vector<NamedTensor> parameters_, buffers_;
  std::vector<NamedModule> children_;
  bool training_ = true;
};

}  // namespace strata::nn
