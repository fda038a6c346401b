// Dropout (ops/dropout.h) as a layer: it drops while training and does nothing in evaluation.
#pragma once

#include "nn/init.h"
#include "nn/module.h"

namespace strata::nn {

class Dropout : public Module {
 public:
  /// Each element is zeroed with the probability `rate`. Takes a stream of the builder's for its
  /// masks. Throws `invalid_argument` unless 0 <= rate < 1.
  Dropout(Builder& builder, double rate);

  /// Throws `invalid_argument` in training mode before set_step(), without which every step would
  /// draw the same mask.
  Tensor forward(const Tensor& input) override;
  std::string description() const override { return fmt::format("Dropout {}", rate_); }

 private:
  double rate_;
  uint64_t seed_, stream_;
};

}  // namespace strata::nn
