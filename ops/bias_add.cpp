// Has no kernels of its own: forward is the broadcasting add, backward a reduction of columns.
#include "ops/bias_add.h"

#include "ops/binary_kernels.h"
#include "ops/dispatch.h"
#include "ops/reduce_kernels.h"
#include "tensor/autograd.h"
#include "tensor/branch.h"

namespace strata::ops {
namespace {

struct BiasAddNode : Node {
  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_bias = make_grad(1);
    if (grad_bias.defined() && grad_output.size() == 0) {
      grad_bias.fill_zero();
    } else if (grad_bias.defined()) {
      const int64_t channels = grad_bias.size();
      const ReduceGeometry columns{.reduced = grad_output.size() / channels, .inner = channels};
      Tensor no_positions;
      const Rung rung = choose_rung("bias_add", grad_output);
      const Branch branch(needs_for_leaf(1));
      STRATA_DISPATCH(rung, reduce, Reduction::sum, columns, grad_output, grad_bias, no_positions);
    }
    return {grad_output, grad_bias};
  }
};

}  // namespace

Tensor bias_add(const Tensor& input, const Tensor& bias) {
  const TraceScope trace(TraceLayer::op, "bias_add");
  check_floating("bias_add", input);
  check(input.rank() >= 1 && bias.rank() == 1 && bias.extent(0) == input.extent(-1),
        "bias_add: input {} needs a bias with one element per entry of its last axis, got {}",
        input.shape(), bias.shape());
  check(input.dtype() == bias.dtype(), "bias_add: the input is {}, the bias {}", input.dtype(),
        bias.dtype());
  check_same_device("bias_add", input, bias);
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  const Rung rung = choose_rung("bias_add", input);
  STRATA_DISPATCH(rung, binary, Binary::add, input, bias, output);
  return record<BiasAddNode>("bias_add", {input, bias}, output, [](BiasAddNode&) {});
}

}  // namespace strata::ops
