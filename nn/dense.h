// The fully connected layer (ops/dense.h).
#pragma once

#include "nn/init.h"
#include "nn/module.h"
#include "ops/dense.h"

namespace strata::nn {

struct DenseOptions {
  ops::Activation activation = ops::Activation::none;
  bool bias = true;
  Init init = Init::glorot_uniform();  // of the weight; the bias starts at 0
};

/// (N, inputs) to (N, outputs). Parameters: weight (outputs, inputs), bias (outputs).
class Dense : public Module {
 public:
  /// Throws `invalid_argument` unless both extents are at least 1.
  Dense(Builder& builder, int64_t inputs, int64_t outputs, const DenseOptions& options = {});

  Tensor forward(const Tensor& input) override;
  std::string description() const override;

 protected:
  ops::ClassificationLoss forward_cross_entropy(const Tensor& input, const Tensor& labels) override;

 private:
  ops::Activation activation_;
  Tensor weight_, bias_;
};

}  // namespace strata::nn
