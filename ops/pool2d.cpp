#include "ops/pool2d.h"

#include "ops/dispatch.h"
#include "ops/pool2d_kernels.h"
#include "tensor/autograd.h"

namespace strata {
namespace {

std::string_view name_of(Pooling pooling) {
  return pooling == Pooling::max ? "max_pool2d" : "avg_pool2d";
}

ops::WindowAxis resolve_axis(std::string_view op, std::string_view axis, int64_t input,
                             int64_t window, int64_t stride, ops::Padding::Mode mode,
                             int64_t pad_before, int64_t pad_after) {
  constexpr int64_t kNoDilation = 1;
  const ops::WindowAxis resolved =
      ops::resolve_window(op, axis, input, window, stride == 0 ? window : stride, kNoDilation, mode,
                          pad_before, pad_after);
  check(input >= 1, "{}: the {} of the image is 0", op, axis);
  check(resolved.pad_before < window && resolved.pad_after < window,
        "{}: the padding ({}, {}) along the {} must be smaller than the window of {}", op,
        resolved.pad_before, resolved.pad_after, axis, window);
  return resolved;
}

}  // namespace

Pool2dGeometry::Pool2dGeometry(Pooling pooling, const Tensor& input,
                               const ops::Pool2dOptions& options)
    : pooling(pooling) {
  const std::string_view op = name_of(pooling);
  check_floating(op, input);
  check(input.rank() == 4, "{}: expected an input (batch, height, width, channels), got {}", op,
        input.shape());
  batch = input.extent(0);
  channels = input.extent(3);
  const auto& [window, stride, padding] = options;
  height = resolve_axis(op, "height", input.extent(1), window.height, stride.height, padding.mode,
                        padding.top, padding.bottom);
  width = resolve_axis(op, "width", input.extent(2), window.width, stride.width, padding.mode,
                       padding.left, padding.right);
}

std::string Pool2dGeometry::to_string() const {
  return fmt::format("{}x{}x{}x{} in windows of {}x{}{}", batch, height.input, width.input,
                     channels, height.window, width.window, ops::describe_steps(height, width));
}

namespace ops {
namespace {

LibraryRung library_rung(const Pool2dGeometry& geometry) {
  bool supports = false;
  if constexpr (kHasCuda) supports = cudnn::supports_pool2d(geometry);
  return {.rung = Rung::cudnn,
          .supports = supports,
          .automatic = false,
          .onednn = geometry.output_shape().size() > 0};
}

struct Pool2dNode : Node {
  Pool2dGeometry geometry;
  Tensor input, output;  // of max only

  Gradients backward(const Tensor& grad_output) override {
    Tensor grad_input = make_grad(0);
    // The average's formula reads neither, but cuDNN asks for tensors of their shapes.
    const Tensor& x = input.defined() ? input : grad_input;
    const Tensor& y = output.defined() ? output : grad_output;
    const std::string_view op = name_of(geometry.pooling);
    run_on_rung(op, grad_output, library_rung(geometry),
                {[&] { return fmt::format("{}_backward of {}", op, geometry.to_string()); },
                 [&](Rung rung) {
                   STRATA_DISPATCH_WITH(cudnn, rung, pool2d_backward, geometry, x, y, grad_output,
                                        grad_input);
                 }});
    return {grad_input};
  }
};

Tensor pool2d(Pooling pooling, const Tensor& input, const Pool2dOptions& options) {
  const TraceScope trace(TraceLayer::op, name_of(pooling));
  const Pool2dGeometry geometry(pooling, input, options);
  Tensor output = Tensor::empty(geometry.output_shape(), input.dtype(), input.device());
  run_on_rung(
      name_of(pooling), input, library_rung(geometry),
      {[&] { return fmt::format("{} of {}", name_of(pooling), geometry.to_string()); },
       [&](Rung rung) { STRATA_DISPATCH_WITH(cudnn, rung, pool2d, geometry, input, output); }});
  return record<Pool2dNode>(name_of(pooling), {input}, output, [&](Pool2dNode& node) {
    node.geometry = geometry;
    if (pooling == Pooling::average) return;
    node.input = input.detach();
    node.output = output.detach();
  });
}

}  // namespace

Tensor max_pool2d(const Tensor& input, const Pool2dOptions& options) {
  return pool2d(Pooling::max, input, options);
}

Tensor avg_pool2d(const Tensor& input, const Pool2dOptions& options) {
  return pool2d(Pooling::average, input, options);
}

}  // namespace ops
}  // namespace strata
