// Convolution through cuDNN's graph API: one plan per pass, geometry and precision, found on first
// use and kept. cuDNN counts axes as (N, C, H, W) whatever the strides say, and reads the number of
// groups off the tensors: C channels in the image, C / groups in the filter.
#include "ops/cudnn/conv2d.h"

#include <array>
#include <map>

#include "ops/cudnn/tuned_plan.h"
#include "ops/tuning.h"
#include "tensor/cuda/alignment.h"

namespace strata::cudnn {
namespace {

// What one pass calls its operation and the three tensors, of which it writes one.
struct Operation {
  std::string_view name;
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t image, filter, result, convolution, alpha, beta;
};

const Operation& operation_of(ConvPass pass) {
  static constexpr Operation kOperations[] = {
      {"conv2d", CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
      {"conv2d_grad_input", CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
      {"conv2d_grad_weight", CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
  };
  return kOperations[static_cast<int>(pass)];
}

// NHWC and KRSC alike: channels innermost, then columns, rows, images or filters.
Descriptor describe_channels_last(int64_t uid, int64_t n, int64_t h, int64_t w, int64_t c,
                                  int64_t alignment) {
  return describe_tensor(uid, {n, c, h, w}, {h * w * c, 1, w * c, c}, alignment);
}

Descriptor describe_convolution(const ops::WindowAxis& height, const ops::WindowAxis& width) {
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const auto set = [&](cudnnBackendAttributeName_t name, int64_t of_height, int64_t of_width) {
    convolution.set(name, std::span<const int64_t>(std::array{of_height, of_width}));
  };
  convolution.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, height.stride, width.stride);
  set(CUDNN_ATTR_CONVOLUTION_DILATIONS, height.dilation, width.dilation);
  set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, height.pad_before, width.pad_before);
  set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, height.pad_after, width.pad_after);
  convolution.finalize();
  return convolution;
}

// Engine 17 of cuDNN 9.14 is the fastest for weight gradients in float32 on an H100 (lenet's second
// convolution at batch 256: 78 us, engine 1 229, engine 0 1,341), but of whole numbers it makes
// sums that are none, off by 1e-3: it rounds in a transform without saying so.
PlanRules rules_for(ConvPass pass, Precision precision) {
  PlanRules rules{.precision = precision};
  if (pass == ConvPass::grad_weight) rules.refused = 17;
  return rules;
}

// All that a plan depends on.
using Key = std::array<int64_t, 22>;

Key key_of(ConvPass pass, const Conv2dGeometry& g, Precision precision, int64_t alignment) {
  const ops::WindowAxis &h = g.height, &w = g.width;
  return {tuner().id(),
          static_cast<int64_t>(pass),
          static_cast<int64_t>(precision),
          alignment,
          g.batch,
          g.in_channels,
          g.out_channels,
          g.groups,
          h.input,
          h.window,
          h.stride,
          h.dilation,
          h.pad_before,
          h.pad_after,
          h.output,
          w.input,
          w.window,
          w.stride,
          w.dilation,
          w.pad_before,
          w.pad_after,
          w.output};
}

void run_own(ConvPass pass, const Conv2dGeometry& geometry, Tensor image, Tensor filter,
             Tensor result) {
  switch (pass) {
    case ConvPass::forward:
      return cuda::conv2d(geometry, image, filter, result);
    case ConvPass::grad_input:
      return cuda::conv2d_grad_input(geometry, result, filter, image);
    case ConvPass::grad_weight:
      return cuda::conv2d_grad_weight(geometry, image, result, filter);
  }
}

void run(ConvPass pass, const Conv2dGeometry& geometry, const Tensor& image, const Tensor& filter,
         const Tensor& result) {
  // Never destroyed: cuDNN may be gone by the time that static objects go.
  static auto& plans = *new std::map<Key, Plan>;
  const Binding bindings[] = {{kImage, image.data<float>()},
                              {kFilter, filter.data<float>()},
                              {kResult, result.data<float>()}};
  const int64_t alignment =
      cuda::common_alignment({bindings[0].address, bindings[1].address, bindings[2].address});
  const Precision precision = settings().precision;
  const Key key = key_of(pass, geometry, precision, alignment);
  auto found = plans.find(key);
  if (found == plans.end()) {
    const Tensor& written = pass == ConvPass::forward      ? result
                            : pass == ConvPass::grad_input ? image
                                                           : filter;
    Plan plan = choose_plan({.what = words_for_conv2d(pass, geometry, alignment),
                             .operation = describe_conv2d(pass, geometry, alignment),
                             .bindings = bindings,
                             .result = written,
                             .own_kernel = [&] { run_own(pass, geometry, image, filter, result); },
                             .rules = rules_for(pass, precision)});
    plan.what = words_for_conv2d(pass, geometry, alignment);
    plan.flops = geometry.flops();
    found = plans.emplace(key, std::move(plan)).first;
  }
  execute(found->second, bindings);
}

}  // namespace

Descriptor describe_conv2d(ConvPass pass, const Conv2dGeometry& g, int64_t alignment) {
  const Operation& names = operation_of(pass);
  Descriptor operation(names.type);
  operation
      .set(names.image, describe_channels_last(kImage, g.batch, g.height.input, g.width.input,
                                               g.in_channels, alignment))
      .set(names.filter, describe_channels_last(kFilter, g.out_channels, g.height.window,
                                                g.width.window, g.group_in_channels(), alignment))
      .set(names.result, describe_channels_last(kResult, g.batch, g.height.output, g.width.output,
                                                g.out_channels, alignment))
      .set(names.convolution, describe_convolution(g.height, g.width))
      .set(names.alpha, 1.0f)
      .set(names.beta, 0.0f)
      .finalize();
  return operation;
}

std::string words_for_conv2d(ConvPass pass, const Conv2dGeometry& geometry, int64_t alignment) {
  return fmt::format("{} of {}{}", operation_of(pass).name, geometry.to_string(),
                     alignment < 16 ? ", unaligned" : "");
}

// The bound keeps 32-bit indices safe inside cuDNN, whose planner divides by zero on huge batches.
// Padding must be equal on both sides and below the window: cuDNN plans other padding too, but some
// of its engines for the weight gradient then return wrong sums or read out of bounds (cuDNN 9.14
// on an H100; tests/ops/conv2d_test.cpp has such cases).
bool supports_conv2d(const Conv2dGeometry& geometry) {
  const ops::WindowAxis &h = geometry.height, &w = geometry.width;
  const auto fits = [](int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t size = Shape{a, b, c, d}.size();
    return size > 0 && size < (int64_t{1} << 31);
  };
  const auto plain_padding = [](const ops::WindowAxis& axis) {
    return axis.pad_before == axis.pad_after && axis.pad_before < axis.window;
  };
  return plain_padding(h) && plain_padding(w) &&
         fits(geometry.batch, h.input, w.input, geometry.in_channels) &&
         fits(geometry.out_channels, h.window, w.window, geometry.group_in_channels()) &&
         fits(geometry.batch, h.output, w.output, geometry.out_channels);
}

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  run(ConvPass::forward, geometry, input, weight, output);
}

void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,
                       const Tensor& weight, Tensor& grad_input) {
  run(ConvPass::grad_input, geometry, grad_input, weight, grad_output);
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  run(ConvPass::grad_weight, geometry, input, grad_weight, grad_output);
}

}  // namespace strata::cudnn
