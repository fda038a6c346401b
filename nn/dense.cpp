#include "nn/dense.h"

namespace strata::nn {

Dense::Dense(Builder& builder, int64_t inputs, int64_t outputs, const DenseOptions& options)
    : activation_(options.activation) {
  check(inputs >= 1 && outputs >= 1, "Dense: it needs at least 1 input and 1 output, got {} -> {}",
        inputs, outputs);
  weight_ = builder.parameter({outputs, inputs}, options.init);
  add_parameter("weight", weight_);
  if (!options.bias) return;
  bias_ = builder.parameter({outputs}, Init::zeros());
  add_parameter("bias", bias_);
}

Tensor Dense::forward(const Tensor& input) {
  return ops::dense(input, weight_, bias_, activation_);
}

ops::ClassificationLoss Dense::forward_cross_entropy(const Tensor& input, const Tensor& labels) {
  if (activation_ != ops::Activation::none) return Module::forward_cross_entropy(input, labels);
  return ops::dense_softmax_cross_entropy(input, weight_, bias_, labels, ops::LossValue::left_out);
}

std::string Dense::description() const {
  return fmt::format("Dense {} -> {}{}{}", weight_.extent(1), weight_.extent(0),
                     activation_ == ops::Activation::relu ? ", ReLU" : "",
                     bias_.defined() ? "" : ", no bias");
}

}  // namespace strata::nn
