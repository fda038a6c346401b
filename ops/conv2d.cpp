#include "ops/conv2d.h"

#include <optional>

#include "ops/conv2d_kernels.h"
#include "ops/dispatch.h"
#include "tensor/autograd.h"
#include "tensor/branch.h"

namespace strata {

Conv2dGeometry::Conv2dGeometry(const Tensor& input, const Tensor& weight,
                               const ops::Conv2dOptions& options)
    : groups(options.groups) {
  const bool stored_small = input.dtype() == DType::bfloat16;
  if (!stored_small) check_floating("conv2d", input);
  check_same_device("conv2d", input, weight);
  check(weight.dtype() == (stored_small ? DType::float32 : input.dtype()),
        "conv2d: input is {}, but weight is {}", input.dtype(), weight.dtype());
  const Shape &image = input.shape(), &filter = weight.shape();
  check(image.rank() == 4 && filter.rank() == 4,
        "conv2d: expected input (N, H, W, C) and weight (K, R, S, C / groups), got {} and {}",
        image, filter);
  batch = image[0];
  in_channels = image[3];
  out_channels = filter[0];
  check(groups >= 1 && in_channels % groups == 0 && out_channels % groups == 0,
        "conv2d: {} groups do not divide {} input and {} output channels", groups, in_channels,
        out_channels);
  check(filter[3] == group_in_channels(),
        "conv2d: weight {} takes {} channels, but input {} has {} in each of {} groups", filter,
        filter[3], image, group_in_channels(), groups);
  const ops::Padding& padding = options.padding;
  height = ops::resolve_window("conv2d", "height", image[1], filter[1], options.stride.height,
                               options.dilation.height, padding.mode, padding.top, padding.bottom);
  width = ops::resolve_window("conv2d", "width", image[2], filter[2], options.stride.width,
                              options.dilation.width, padding.mode, padding.left, padding.right);
}

std::string Conv2dGeometry::to_string() const {
  return fmt::format("{}x{}x{}x{} by {}x{}x{}x{}{}{}", batch, height.input, width.input,
                     in_channels, out_channels, height.window, width.window, group_in_channels(),
                     ops::describe_steps(height, width),
                     groups == 1 ? "" : fmt::format(", {} groups", groups));
}

namespace ops {
namespace {

// At the shapes of this project's networks our own kernels are faster than the engines that cuDNN
// offers for exact float32 (README, "Results"), so they are the default.
LibraryRung library_rung([[maybe_unused]] const Conv2dGeometry& geometry) {
  bool supports = false;
  if constexpr (kHasCuda) supports = cudnn::supports_conv2d(geometry);
  return {.rung = Rung::cudnn,
          .supports = supports,
          .automatic = false,
          .onednn = onednn::supports_conv2d(geometry)};
}

LibraryRung library_rung_for_weight(const Conv2dGeometry& geometry) {
  LibraryRung library = library_rung(geometry);
  if constexpr (kHasCuda) library.supports = cudnn::supports_conv2d_grad_weight(geometry);
  return library;
}

struct Conv2dNode : Node {
  std::optional<Conv2dGeometry> geometry;
  Tensor input, weight;  // each for the gradient of the other

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0), grad_weight = make_grad(1);
    if (grad_weight.defined()) {
      const Branch branch(needs_for_leaf(1));
      run_on_rung("conv2d", grad_output, library_rung_for_weight(*geometry),
                  {[&] { return "conv2d_grad_weight of " + geometry->to_string(); },
                   [&](Rung rung) {
                     STRATA_DISPATCH_WITH(cudnn, rung, conv2d_grad_weight, *geometry, input,
                                          grad_output, grad_weight);
                   }});
    }
    if (grad_input.defined())
      run_on_rung("conv2d", grad_output, library_rung(*geometry),
                  {[&] { return "conv2d_grad_input of " + geometry->to_string(); },
                   [&](Rung rung) {
                     STRATA_DISPATCH_WITH(cudnn, rung, conv2d_grad_input, *geometry, grad_output,
                                          weight, grad_input);
                   }});
    return {grad_input, grad_weight};
  }
};

}  // namespace

Tensor conv2d(const Tensor& input, const Tensor& weight, const Conv2dOptions& options) {
  const TraceScope trace(TraceLayer::op, "conv2d");
  check_floating("conv2d", input);
  const Conv2dGeometry geometry(input, weight, options);
  Tensor output = Tensor::empty(geometry.output_shape(), input.dtype(), input.device());
  run_on_rung("conv2d", input, library_rung(geometry),
              {[&] { return "conv2d of " + geometry.to_string(); },
               [&](Rung rung) {
                 STRATA_DISPATCH_WITH(cudnn, rung, conv2d, geometry, input, weight, output);
               }});
  return record<Conv2dNode>("conv2d", {input, weight}, output, [&](Conv2dNode& node) {
    node.geometry = geometry;
    if (weight.requires_grad()) node.input = input.detach();
    if (input.requires_grad()) node.weight = weight.detach();
  });
}

}  // namespace ops
}  // namespace strata
