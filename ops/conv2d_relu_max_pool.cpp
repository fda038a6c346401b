#include "ops/conv2d_relu_max_pool.h"

#include <optional>

#include "ops/bias_add.h"
#include "ops/conv2d_relu_max_pool_kernels.h"
#include "ops/pool2d.h"
#include "ops/unary.h"
#include "tensor/autograd.h"

namespace strata {

ConvStageGeometry::ConvStageGeometry(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                     const ops::Conv2dOptions& options)
    : convolution(input, weight, options),
      pooled_height(convolution.height.output / 2),
      pooled_width(convolution.width.output / 2) {
  check(pooled_height >= 1 && pooled_width >= 1,
        "conv2d_relu_max_pool: the convolution gives {}, too small for windows of 2x2",
        convolution.output_shape());
  if (!bias.defined()) return;
  check_same_device("conv2d_relu_max_pool", input, bias);
  check(bias.shape() == Shape{convolution.out_channels} && bias.dtype() == weight.dtype(),
        "conv2d_relu_max_pool: expected a bias {} {}, got {} {}", weight.dtype(),
        Shape{convolution.out_channels}, bias.dtype(), bias.shape());
}

namespace ops {
namespace {

constexpr std::string_view kWeightGradient = "conv2d_relu_max_pool_grad_weight";

LibraryRung library_rung([[maybe_unused]] std::string_view pass,
                         [[maybe_unused]] const Conv2dGeometry& convolution) {
  bool supports = false;
  if constexpr (kHasCuda)
    supports = pass == kWeightGradient ? cudnn::supports_conv2d_grad_weight(convolution)
                                       : cudnn::supports_conv2d(convolution);
  return {.rung = Rung::cudnn,
          .supports = supports,
          .automatic = false,
          .onednn = onednn::supports_conv2d(convolution)};
}

void run_stage(std::string_view pass, const ConvStageGeometry& geometry, const Tensor& tensor,
               const std::function<void(Rung)>& run) {
  run_on_rung(
      "conv2d_relu_max_pool", tensor, library_rung(pass, geometry.convolution),
      {[&] { return fmt::format("{} of {}", pass, geometry.convolution.to_string()); }, run});
}

struct ConvStageNode : Node {
  std::optional<ConvStageGeometry> geometry;
  ConvStageSaved saved;

  Gradients backward(const Tensor& grad_output) override {
    ConvStageGradients gradients{.input = make_grad(0),
                                 .weight = make_grad(1),
                                 .bias = make_grad(2),
                                 .branch = needs(0) && is_for_leaves()};
    if (grad_output.device() == Device::cpu) {
      run_on_cpu(grad_output, gradients);
    } else {
      const bool first = !gradients.input.defined();
      run_stage(first ? kWeightGradient : "conv2d_relu_max_pool_backward", *geometry, grad_output,
                [&]([[maybe_unused]] Rung rung) {
                  STRATA_CALL_ON_GPU(cuda, conv2d_relu_max_pool_backward, *geometry, rung, saved,
                                     grad_output, gradients)
                });
    }
    return {gradients.input, gradients.weight, gradients.bias};
  }

  // On the rung of the forward pass: each keeps the winners in its own way.
  void run_on_cpu(const Tensor& grad_output, ConvStageGradients& gradients) {
    if (saved.output.defined()) {
      STRATA_CALL_ONEDNN(conv2d_relu_max_pool_backward, *geometry, saved, grad_output, gradients)
    } else {
      STRATA_CALL_KERNELS(cpu, conv2d_relu_max_pool_backward, *geometry, saved, grad_output,
                          gradients)
    }
  }

  bool is_for_leaves() const {
    return (!needs(1) || needs_for_leaf(1)) && (!needs(2) || needs_for_leaf(2));
  }
};

Tensor composition(const Tensor& input, const Tensor& weight, const Tensor& bias,
                   const Conv2dOptions& options) {
  const Tensor image = conv2d(input, weight, options);
  return relu(max_pool2d(bias.defined() ? bias_add(image, bias) : image));
}

// On the CPU the plain loops do not have the whole stage, and our own kernels not for groups.
bool is_fused(const ConvStageGeometry& geometry, const Tensor& input) {
  if (input.device() != Device::cpu) return true;
  const Kernels kernels = settings().kernels;
  if (kernels == Kernels::reference || input.dtype() == DType::float64) return false;
  return kernels == Kernels::library ? onednn::supports_conv2d(geometry.convolution)
                                     : cpu::supports_conv2d_relu_max_pool(geometry);
}

bool is_recorded(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  const bool wanted =
      input.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad());
  return wanted && grad_enabled();
}

void check_bfloat16(const ConvStageGeometry& geometry, const Tensor& input) {
  bool supported = cpu::supports_conv2d_relu_max_pool(geometry);
  if constexpr (kHasCuda)
    if (input.device() == Device::gpu) supported = cuda::supports_bfloat16(geometry, input);
  check(supported,
        "conv2d_relu_max_pool: no kernel stores the output in bfloat16 for {} {} convolved to {}",
        input.dtype(), input.shape(), geometry.convolution.output_shape());
}

}  // namespace

Tensor conv2d_relu_max_pool(const Tensor& input, const Tensor& weight, const Tensor& bias,
                            const Conv2dOptions& options) {
  const TraceScope trace(TraceLayer::op, "conv2d_relu_max_pool");
  const ConvStageGeometry geometry(input, weight, bias, options);
  const DType dtype = hidden_dtype("conv2d_relu_max_pool", input);
  if (dtype == DType::bfloat16) check_bfloat16(geometry, input);
  if (!is_fused(geometry, input)) return composition(input, weight, bias, options);
  const Shape shape = geometry.output_shape();
  Tensor output = Tensor::empty(shape, dtype, input.device());
  Tensor winners;
  if (is_recorded(input, weight, bias))
    winners = Tensor::empty(shape, DType::uint8, input.device());
  Rung rung{};
  run_stage("conv2d_relu_max_pool", geometry, input, [&](Rung chosen) {
    rung = chosen;
    if (rung == Rung::cpu) {
      STRATA_CALL_KERNELS(cpu, conv2d_relu_max_pool, geometry, input, weight, bias, output, winners)
    } else if (rung == Rung::onednn) {
      STRATA_CALL_ONEDNN(conv2d_relu_max_pool, geometry, input, weight, bias, output, winners)
    } else {
      STRATA_CALL_ON_GPU(cuda, conv2d_relu_max_pool, geometry, rung, input, weight, bias, output,
                         winners)
    }
  });
  const bool library = rung == Rung::onednn;
  return record<ConvStageNode>("conv2d_relu_max_pool", {input, weight, bias}, output,
                               [&](ConvStageNode& node) {
                                 node.geometry = geometry;
                                 node.saved.winners = winners;
                                 if (library) node.saved.output = output.detach();
                                 if (library || weight.requires_grad())
                                   node.saved.input = input.detach();
                                 if (input.requires_grad()) node.saved.weight = weight.detach();
                               });
}

}  // namespace ops
}  // namespace strata
