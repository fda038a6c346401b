#include "ops/softmax.h"

#include "ops/dispatch.h"
#include "ops/softmax_kernels.h"
#include "tensor/autograd.h"

namespace strata {

SoftmaxGeometry::SoftmaxGeometry(std::string_view op, const Tensor& input) {
  check_floating(op, input);
  check(input.rank() >= 1 && input.extent(-1) >= 1,
        "{}: the last axis must have at least one element, got {}", op, input.shape());
  classes = input.extent(-1);
  rows = input.size() / classes;
}

namespace ops {
namespace {

// cuDNN's softmax is one kernel, as ours is, so ours is the default: it needs no library.
LibraryRung library_rung(const Tensor& input) {
  const bool supports = input.size() < (int64_t{1} << 31);  // cuDNN counts in 32 bits
  return {.rung = Rung::cudnn,
          .supports = supports,
          .automatic = false,
          .onednn = input.size() > 0};
}

std::string_view op_name(Softmax kind) {
  return kind == Softmax::plain ? "softmax" : "log_softmax";
}

struct SoftmaxNode : Node {
  Softmax kind;
  Tensor output;

  Gradients backward(const Tensor& grad_output) override {
    const SoftmaxGeometry geometry(op_name(kind), output);
    Tensor grad_input = make_grad(0);
    run_on_rung(op_name(kind), output, library_rung(output),
                {[&] { return fmt::format("{}_backward of {}", op_name(kind), output.shape()); },
                 [&](Rung rung) {
                   STRATA_DISPATCH_WITH(cudnn, rung, softmax_backward, kind, geometry, output,
                                        grad_output, grad_input);
                 }});
    return {grad_input};
  }
};

Tensor softmax_of(Softmax kind, const Tensor& input) {
  const TraceScope trace(TraceLayer::op, op_name(kind));
  const SoftmaxGeometry geometry(op_name(kind), input);
  Tensor output = Tensor::empty(input.shape(), input.dtype(), input.device());
  run_on_rung(op_name(kind), input, library_rung(input),
              {[&] { return fmt::format("{} of {}", op_name(kind), input.shape()); },
               [&](Rung rung) {
                 STRATA_DISPATCH_WITH(cudnn, rung, softmax, kind, geometry, input, output);
               }});
  return record<SoftmaxNode>(op_name(kind), {input}, output, [&](SoftmaxNode& node) {
    node.kind = kind;
    node.output = output.detach();
  });
}

}  // namespace

Tensor softmax(const Tensor& input) {
  return softmax_of(Softmax::plain, input);
}
Tensor log_softmax(const Tensor& input) {
  return softmax_of(Softmax::logarithm, input);
}

}  // namespace ops
}  // namespace strata
