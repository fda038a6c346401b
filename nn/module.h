// A piece of a network: a function of one tensor, with named parameters and child modules.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/dense_softmax_cross_entropy.h"
#include "tensor/autograd.h"
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
  /// How modules are called: forward(), then a ForwardObserver if there is one.
  Tensor operator()(const Tensor& input);

  /// How a training step calls a classifier: the mean cross-entropy of what operator() returns,
  /// taken as logits, with ops::LossValue::left_out. An observer sees what operator() shows it.
  ops::ClassificationLoss cross_entropy(const Tensor& input, const Tensor& labels);

  /// What its parent calls it: "conv1"; empty for a model.
  const std::string& name() const { return name_; }
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
  /// Children, their children and so on, each before its own, with full names: "block1.conv2".
  std::vector<NamedModule> descendants() const;

  /// Dropout and batch normalisation behave differently in training and evaluation.
  void set_training(bool training);
  bool training() const { return training_; }

  /// The counter of training steps, int32 (1) on the device, by which layers with random numbers
  /// draw new ones in each step. It is read, never changed, and must not advance between a forward
  /// pass and its backward pass.
  void set_step(const Tensor& step);
  const Tensor& step() const { return step_; }

 protected:
  /// What cross_entropy() calls. For a module that ends in an op which takes the loss along to
  /// override; the numbers must be those of this one, which is forward() and then
  /// ops::softmax_cross_entropy.
  virtual ops::ClassificationLoss forward_cross_entropy(const Tensor& input, const Tensor& labels);

  /// Registers members; `parameter` starts to require gradients.
  void add_parameter(std::string name, Tensor& parameter);
  void add_buffer(std::string name, Tensor& buffer);
  void add_child(std::string name, Module& child);

 private:
  std::vector<NamedTensor> collect(std::vector<NamedTensor> Module::*kind) const;

  std::vector<NamedTensor> parameters_, buffers_;
  std::vector<NamedModule> children_;
  std::string name_;
  Tensor step_;
  bool training_ = true;
};

/// Sees the output of every module that is called while this lives, inner modules before the one
/// that called them. For summaries and for diagnosis; one at a time.
class ForwardObserver {
 public:
  using Function = std::function<void(const Module& module, const Tensor& output)>;
  explicit ForwardObserver(Function function);
  ~ForwardObserver();
  ForwardObserver(const ForwardObserver&) = delete;
  ForwardObserver& operator=(const ForwardObserver&) = delete;

 private:
  friend class Module;
  Function function_;
};

/// Evaluation mode and no recording while this lives; then every module's own mode returns.
class EvaluationScope {
 public:
  explicit EvaluationScope(Module& model);
  ~EvaluationScope();
  EvaluationScope(const EvaluationScope&) = delete;
  EvaluationScope& operator=(const EvaluationScope&) = delete;

 private:
  NoGradScope no_grad_;
  std::vector<std::pair<Module*, bool>> modes_;
};

}  // namespace strata::nn
