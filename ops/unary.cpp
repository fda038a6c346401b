#include "ops/unary.h"

#include "ops/dispatch.h"
#include "ops/unary_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

// The libraries have three of them. Either way it is one pass over the memory, so ours are the
// default: they need no library.
LibraryRung library_rung(Unary op, int64_t size) {
  const bool known = op == Unary::relu || op == Unary::sigmoid || op == Unary::tanh;
  const bool supports = known && size < (int64_t{1} << 31);  // cuDNN counts in 32 bits
  return {.rung = Rung::cudnn,
          .supports = supports,
          .automatic = false,
          .onednn = known && size > 0};
}

struct UnaryNode : Node {
  Unary op;
  std::string_view name;
  Tensor saved;  // the input or the output, as the functor's kSaves says

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    run_on_rung(name, grad_output, library_rung(op, grad_output.size()),
                {[&] { return fmt::format("{}_backward of {}", name, grad_output.size()); },
                 [&](Rung rung) {
                   STRATA_DISPATCH_WITH(cudnn, rung, unary_backward, op, saved, grad_output,
                                        grad_input);
                 }});
    return {grad_input};
  }
};

Tensor unary(std::string_view name, Unary op, const Tensor& input) {
  const TraceScope trace(TraceLayer::op, name);
  check_floating(name, input);
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  run_on_rung(name, input, library_rung(op, input.size()),
              {[&] { return fmt::format("{} of {}", name, input.size()); },
               [&](Rung rung) { STRATA_DISPATCH_WITH(cudnn, rung, unary, op, input, output); }});
  return record<UnaryNode>(name, {input}, output, [&](UnaryNode& node) {
    node.op = op;
    node.name = name;
    visit_unary(op, [&](auto functor) {
      if (functor.kSaves == UnarySaves::input) node.saved = input.detach();
      if (functor.kSaves == UnarySaves::output) node.saved = output.detach();
    });
  });
}

}  // namespace

Tensor negate(const Tensor& input) {
  return unary("negate", Unary::negate, input);
}
Tensor exp(const Tensor& input) {
  return unary("exp", Unary::exp, input);
}
Tensor log(const Tensor& input) {
  return unary("log", Unary::log, input);
}
Tensor sqrt(const Tensor& input) {
  return unary("sqrt", Unary::sqrt, input);
}
Tensor relu(const Tensor& input) {
  return unary("relu", Unary::relu, input);
}
Tensor sigmoid(const Tensor& input) {
  return unary("sigmoid", Unary::sigmoid, input);
}
Tensor tanh(const Tensor& input) {
  return unary("tanh", Unary::tanh, input);
}
Tensor gelu(const Tensor& input) {
  return unary("gelu", Unary::gelu, input);
}

}  // namespace strata::ops
