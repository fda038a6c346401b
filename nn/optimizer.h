// Optimizers over a model's flat buffers; the formulas are in ops/sgd_update.h and
// ops/adam_update.h.
#pragma once

#include <string>
#include <vector>

#include "nn/flat_parameters.h"
#include "ops/adam_update.h"
#include "ops/sgd_update.h"

namespace strata::nn {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Changes the parameters by their gradients with the state's learning rate, but for a state that
  /// has diverged, and ends the step: the state then is that of the next one.
  virtual void update(ops::StepState& state) = 0;
  /// "Adam", "SGD, momentum 0.9"
  virtual std::string description() const = 0;
  /// What update() changes besides the parameters.
  virtual std::vector<Tensor> state() const = 0;

 protected:
  explicit Optimizer(FlatParameters& parameters) : parameters_(parameters) {}
  /// A buffer of zeros beside the parameters.
  Tensor make_state() const;

  FlatParameters& parameters_;
};

class SGD : public Optimizer {
 public:
  explicit SGD(FlatParameters& parameters, const ops::SgdOptions& options = {});
  void update(ops::StepState& state) override;
  std::string description() const override;
  std::vector<Tensor> state() const override;

 private:
  ops::SgdOptions options_;
  Tensor velocity_;
};

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

class Adam : public Optimizer {
 public:
  explicit Adam(FlatParameters& parameters, const AdamOptions& options = {});
  void update(ops::StepState& state) override;
  std::string description() const override;
  std::vector<Tensor> state() const override;

 protected:
  Adam(FlatParameters& parameters, const ops::AdamOptions& options);

 private:
  ops::AdamOptions options_;
  Tensor first_moment_, second_moment_;
};

/// Adam whose weight decay acts on the weights themselves.
class AdamW : public Adam {
 public:
  explicit AdamW(FlatParameters& parameters, const AdamOptions& options = {.weight_decay = 0.01});
};

}  // namespace strata::nn
