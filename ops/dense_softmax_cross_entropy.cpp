#include "ops/dense_softmax_cross_entropy.h"

#include <optional>

#include "ops/binary.h"
#include "ops/dense_softmax_cross_entropy_kernels.h"
#include "ops/dispatch.h"
#include "ops/reduce.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/softmax_cross_entropy_kernels.h"
#include "tensor/autograd.h"

namespace strata::ops {
namespace {

constexpr std::string_view kName = "dense_softmax_cross_entropy";

// The gradients by the logits and the input are those of a loss by itself. Those of another loss
// come from dense's backward pass, which rounds a bfloat16 once.
struct DenseLossNode : Node {
  std::optional<DenseGeometry> geometry;
  Tensor input, weight;
  Tensor grad_logits, grad_input;

  Gradients backward(const Tensor& grad_output) override {
    const bool by_itself = is_unit_gradient(grad_output);
    DenseGradients gradients{.input = by_itself ? Tensor() : make_grad(0),
                             .weight = make_grad(1),
                             .bias = make_grad(2),
                             .branch = is_for_leaves()};
    if (gradients.input.defined() || gradients.weight.defined() || gradients.bias.defined())
      run_dense_backward(*geometry, input, weight, Tensor(),
                         by_itself ? grad_logits : scaled(grad_output), gradients);
    return {by_itself ? grad_input : gradients.input, gradients.weight, gradients.bias, Tensor()};
  }

  Tensor scaled(const Tensor& grad_output) const {
    const MemoryScope scope(MemoryUse::gradients);
    return multiply(grad_logits, grad_output);
  }

  bool is_for_leaves() const {
    return (!needs(1) || needs_for_leaf(1)) && (!needs(2) || needs_for_leaf(2));
  }
};

ClassificationLoss composition(const Tensor& input, const Tensor& weight, const Tensor& bias,
                               const Tensor& labels) {
  const Tensor logits = dense(input, weight, bias);
  const Tensor loss = softmax_cross_entropy(logits, labels);
  return {.loss = loss, .losses = loss.detach(), .logits = logits.detach()};
}

// The tuner is not asked: it compares single products, and a library's would have to make up for
// two more kernels.
bool is_fused([[maybe_unused]] const DenseGeometry& geometry, const Tensor& input,
              [[maybe_unused]] const Tensor& weight) {
  const Kernels kernels = settings().kernels;
  if (input.device() == Device::cpu) return false;
  if (kernels != Kernels::own && kernels != Kernels::automatic) return false;
  if constexpr (kHasCuda)
    return cuda::supports_dense_softmax_cross_entropy(geometry, input, weight);
  return false;
}

bool is_recorded(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  const bool wanted =
      input.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad());
  return wanted && grad_enabled();
}

DenseLossResults allocate(const DenseGeometry& geometry, const Tensor& input, bool recorded,
                          LossValue value) {
  const auto empty = [](const Shape& shape, DType dtype = DType::float32) {
    return Tensor::empty(shape, dtype, Device::gpu);
  };
  const Shape by_row{geometry.rows, geometry.outputs};
  DenseLossResults results{.logits = empty(by_row), .losses = empty({geometry.rows})};
  if (value == LossValue::left_out) results.loss = empty({});
  if (!recorded) return results;
  const MemoryScope scope(MemoryUse::gradients);
  results.grad_logits = empty(by_row);
  if (input.requires_grad()) results.grad_input = empty(input.shape(), input.dtype());
  return results;
}

Tensor mean_of(const Tensor& losses) {
  const NoGradScope no_grad;
  return mean(losses);
}

}  // namespace

ClassificationLoss dense_softmax_cross_entropy(const Tensor& input, const Tensor& weight,
                                               const Tensor& bias, const Tensor& labels,
                                               LossValue value) {
  const TraceScope trace(TraceLayer::op, kName);
  const DenseGeometry geometry(input, weight, bias, Activation::none);
  if (!is_fused(geometry, input, weight)) return composition(input, weight, bias, labels);
  hidden_dtype(kName, input);  // refuses a bfloat16 in another precision
  DenseLossResults results = allocate(geometry, input, is_recorded(input, weight, bias), value);
  const CrossEntropyGeometry checks(results.logits, labels);
  choose_rung(kName, input);
  STRATA_CALL_ON_GPU(cuda, dense_softmax_cross_entropy, geometry, input, weight, bias, labels,
                     results)
  const Tensor loss = value == LossValue::ready ? mean_of(results.losses) : results.loss;
  return {.loss = record<DenseLossNode>(kName, {input, weight, bias, labels}, loss,
                                        [&](DenseLossNode& node) {
                                          node.geometry = geometry;
                                          node.input = input.detach();
                                          node.weight = weight.detach();
                                          node.grad_logits = results.grad_logits;
                                          node.grad_input = results.grad_input;
                                        }),
          .losses = results.losses,
          .logits = results.logits};
}

}  // namespace strata::ops
