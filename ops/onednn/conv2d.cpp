#include "ops/onednn/conv2d.h"

#include "ops/onednn/primitive.h"

namespace strata::onednn {
namespace {

Layout input_layout(const Conv2dGeometry& g) {
  return image_layout(g.batch, g.height.input, g.width.input, g.in_channels);
}

Layout output_layout(const Conv2dGeometry& g) {
  return image_layout(g.batch, g.height.output, g.width.output, g.out_channels);
}

std::vector<int64_t> filter_extents(const Conv2dGeometry& g) {
  const int64_t k = g.group_out_channels(), c = g.group_in_channels();
  if (g.groups == 1) return {k, c, g.height.window, g.width.window};
  return {g.groups, k, c, g.height.window, g.width.window};
}

/// KRSC, as oneDNN's order of axes: (group,) output channel, input channel, row, column.
Layout filter_layout(const Conv2dGeometry& g) {
  const int64_t c = g.group_in_channels(), row = g.width.window * c, filter = g.height.window * row;
  if (g.groups == 1) return {filter_extents(g), {filter, 1, row, c}};
  return {filter_extents(g), {g.group_out_channels() * filter, filter, 1, row, c}};
}

/// The activations lie as the caller has them, the filter as the implementation likes it.
Operands operands_of(const Conv2dGeometry& g, bool has_bias) {
  return {.input = input_layout(g),
          .weight = Layout::any(filter_extents(g)),
          .bias = has_bias ? vector_layout(g.out_channels) : Layout(),
          .output = output_layout(g)};
}

Key key_of(const Conv2dGeometry& g, bool has_bias) {
  Key key{g.batch, g.in_channels, g.out_channels, g.groups, has_bias};
  for (const ops::WindowAxis& a : {g.height, g.width})
    key.insert(key.end(),
               {a.input, a.window, a.stride, a.dilation, a.pad_before, a.pad_after, a.output});
  return key;
}

const float* data_of(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

}  // namespace

void convolve(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
              const Tensor& bias, bool relu, Tensor& output) {
  const bool has_bias = bias.defined();
  const auto make = [&] {
    std::vector<Argument> arguments{{DNNL_ARG_SRC, input_layout(geometry)},
                                    {DNNL_ARG_WEIGHTS, filter_layout(geometry)},
                                    {DNNL_ARG_DST, output_layout(geometry), /*written=*/true}};
    if (has_bias) arguments.push_back({DNNL_ARG_BIAS, vector_layout(geometry.out_channels)});
    return Primitive("convolution of " + geometry.to_string(), geometry.flops(),
                     describe_convolution(operands_of(geometry, has_bias),
                                          {geometry.height, geometry.width}, relu),
                     arguments);
  };
  primitive(relu ? Kind::conv2d_relu : Kind::conv2d, key_of(geometry, has_bias), make)
      .run({input.data<float>(), weight.data<float>(), output.data<float>(), data_of(bias)});
}

void convolve_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                          const Tensor& grad_output, Tensor& grad_weight, Tensor& grad_bias) {
  const bool has_bias = grad_bias.defined();
  const auto make = [&] {
    std::vector<Argument> arguments{{DNNL_ARG_SRC, input_layout(geometry)},
                                    {DNNL_ARG_DIFF_DST, output_layout(geometry)},
                                    {DNNL_ARG_DIFF_WEIGHTS, filter_layout(geometry), true}};
    if (has_bias)
      arguments.push_back({DNNL_ARG_DIFF_BIAS, vector_layout(geometry.out_channels), true});
    return Primitive("gradient of the weight, convolution of " + geometry.to_string(),
                     geometry.flops(),
                     describe_convolution_grad_weight(operands_of(geometry, has_bias),
                                                      {geometry.height, geometry.width}),
                     arguments);
  };
  primitive(Kind::conv2d_grad_weight, key_of(geometry, has_bias), make)
      .run({input.data<float>(), grad_output.data<float>(), grad_weight.data<float>(),
            data_of(grad_bias)});
}

void conv2d(const Conv2dGeometry& geometry, const Tensor& input, const Tensor& weight,
            Tensor& output) {
  convolve(geometry, input, weight, /*bias=*/{}, /*relu=*/false, output);
}

void conv2d_grad_input(const Conv2dGeometry& geometry, const Tensor& grad_output,
                       const Tensor& weight, Tensor& grad_input) {
  const auto make = [&] {
    return Primitive("gradient of the input, convolution of " + geometry.to_string(),
                     geometry.flops(),
                     describe_convolution_grad_input(operands_of(geometry, /*has_bias=*/false),
                                                     {geometry.height, geometry.width}),
                     {{DNNL_ARG_DIFF_DST, output_layout(geometry)},
                      {DNNL_ARG_WEIGHTS, filter_layout(geometry)},
                      {DNNL_ARG_DIFF_SRC, input_layout(geometry), /*written=*/true}});
  };
  primitive(Kind::conv2d_grad_input, key_of(geometry, /*has_bias=*/false), make)
      .run({grad_output.data<float>(), weight.data<float>(), grad_input.data<float>()});
}

void conv2d_grad_weight(const Conv2dGeometry& geometry, const Tensor& input,
                        const Tensor& grad_output, Tensor& grad_weight) {
  Tensor no_bias;
  convolve_grad_weight(geometry, input, grad_output, grad_weight, no_bias);
}

}  // namespace strata::onednn
