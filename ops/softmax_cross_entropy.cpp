#include "ops/softmax_cross_entropy.h"

#include "ops/binary.h"
#include "ops/dispatch.h"
#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/autograd.h"

namespace strata {

CrossEntropyGeometry::CrossEntropyGeometry(const Tensor& logits, const Tensor& labels) {
  check_floating("softmax_cross_entropy", logits);
  check(logits.rank() == 2 && logits.size() > 0,
        "softmax_cross_entropy: logits must be (rows, classes) and not empty, got {}",
        logits.shape());
  rows = logits.extent(0);
  classes = logits.extent(1);
  check(labels.dtype() == DType::int32 && labels.shape() == Shape{rows},
        "softmax_cross_entropy: logits {} need int32 labels ({}), got {} {}", logits.shape(), rows,
        labels.dtype(), labels.shape());
  check_same_device("softmax_cross_entropy", logits, labels);
}

namespace ops {
namespace {

// The gradient is that of a loss by itself: the chain rule leaves it to backward to scale it.
struct CrossEntropyNode : Node {
  Tensor grad_logits;

  Gradients backward(const Tensor& grad_output) override {
    if (is_unit_gradient(grad_output)) return {grad_logits, Tensor()};
    const MemoryScope scope(MemoryUse::gradients);
    return {multiply(grad_logits, grad_output), Tensor()};
  }
};

void check_labels(const CrossEntropyGeometry& geometry, const Tensor& labels) {
  const int32_t* label = labels.data<int32_t>();
  for (int64_t n = 0; n < geometry.rows; ++n)
    check(label[n] >= 0 && label[n] < geometry.classes,
          "softmax_cross_entropy: the label of row {} is {}, the classes are 0 to {}", n, label[n],
          geometry.classes - 1);
}

}  // namespace

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels) {
  const TraceScope trace(TraceLayer::op, "softmax_cross_entropy");
  const CrossEntropyGeometry geometry(logits, labels);
  if (labels.device() == Device::cpu) check_labels(geometry, labels);
  Tensor loss = Tensor::empty({}, logits.dtype(), logits.device());
  Tensor grad_logits;
  if (grad_enabled() && logits.requires_grad()) {
    const MemoryScope scope(MemoryUse::gradients);
    grad_logits = Tensor::empty(logits.shape(), logits.dtype(), logits.device());
  }
  const Rung rung = choose_rung("softmax_cross_entropy", logits);
  STRATA_DISPATCH(rung, softmax_cross_entropy, geometry, logits, labels, loss, grad_logits);
  return record<CrossEntropyNode>("softmax_cross_entropy", {logits, labels}, loss,
                                  [&](CrossEntropyNode& node) { node.grad_logits = grad_logits; });
}

}  // namespace ops
}  // namespace strata
