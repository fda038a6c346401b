#include "ops/dropout.h"

#include <cmath>
#include <optional>

#include "ops/dispatch.h"
#include "ops/dropout_kernels.h"
#include "tensor/autograd.h"

namespace strata {

DropoutMask::DropoutMask(const Tensor& input, double drop_rate, const ops::DropoutState& state)
    : rate(drop_rate), scale(1 / (1 - rate)), seed(state.seed), stream(state.stream) {
  check_floating("dropout", input);
  check(rate >= 0 && rate < 1, "dropout: the rate must be at least 0 and below 1, got {}", rate);
  check(stream >> 32 == 0, "dropout: the stream must be below 2^32, got {}", stream);
  threshold = static_cast<uint32_t>(std::ceil(rate * 0x1p24));
  if (!state.step.defined()) return;
  check(state.step.dtype() == DType::int32 && state.step.size() == 1,
        "dropout: the step must be one int32, got {} {}", state.step.dtype(), state.step.shape());
  check_same_device("dropout", input, state.step);
}

namespace ops {
namespace {

struct DropoutNode : Node {
  std::optional<DropoutMask> mask;
  Tensor step;

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    const Rung rung = choose_rung("dropout", grad_output);
    STRATA_DISPATCH(rung, dropout, *mask, step, grad_output, grad_input);
    return {grad_input};
  }
};

}  // namespace

Tensor dropout(const Tensor& input, double rate, const DropoutState& state) {
  const TraceScope trace(TraceLayer::op, "dropout");
  const DropoutMask mask(input, rate, state);
  if (rate == 0) return input;
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  const Rung rung = choose_rung("dropout", input);
  STRATA_DISPATCH(rung, dropout, mask, state.step, input, output);
  return record<DropoutNode>("dropout", {input}, output, [&](DropoutNode& node) {
    node.mask = mask;
    node.step = state.step;
  });
}

}  // namespace ops
}  // namespace strata
