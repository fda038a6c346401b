// Layers without parameters or options: the elementwise functions (ops/unary.h) and Flatten.
#pragma once

#include "nn/module.h"

namespace strata::nn {

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return "ReLU"; }
};

class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return "Sigmoid"; }
};

class Tanh : public Module {
 public:
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return "Tanh"; }
};

class Gelu : public Module {
 public:
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return "Gelu"; }
};

/// (N, ...) to (N, product of the rest).
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return "Flatten"; }
};

}  // namespace strata::nn
