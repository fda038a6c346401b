// As an op, max-pooling has no place for oneDNN's record of the winners, so backward pools once
// more to get it: pool2d_kernels.h says why our own kernels keep none either.
#include "ops/onednn/pool2d.h"

#include "ops/onednn/primitive.h"
#include "tensor/pool.h"

namespace strata::onednn {
namespace {

dnnl_alg_kind_t kind_of(const Pool2dGeometry& g) {
  return g.pooling == Pooling::max ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
}

Layout input_layout(const Pool2dGeometry& g) {
  return image_layout(g.batch, g.height.input, g.width.input, g.channels);
}

Layout output_layout(const Pool2dGeometry& g) {
  return image_layout(g.batch, g.height.output, g.width.output, g.channels);
}

Key key_of(const Pool2dGeometry& g) {
  Key key{kind_of(g), g.batch, g.channels};
  for (const ops::WindowAxis& a : {g.height, g.width})
    key.insert(key.end(), {a.input, a.window, a.stride, a.pad_before, a.pad_after, a.output});
  return key;
}

Primitive& forward(const Pool2dGeometry& geometry) {
  return primitive(Kind::pool2d, key_of(geometry), [&] {
    std::vector<Argument> arguments{{DNNL_ARG_SRC, input_layout(geometry)},
                                    {DNNL_ARG_DST, output_layout(geometry), /*written=*/true}};
    if (geometry.pooling == Pooling::max)
      arguments.push_back({DNNL_ARG_WORKSPACE, Layout(), /*written=*/true});
    return Primitive("pooling of " + geometry.to_string(), /*flops=*/0,
                     describe_pooling(kind_of(geometry), input_layout(geometry),
                                      output_layout(geometry), {geometry.height, geometry.width}),
                     arguments);
  });
}

Primitive& backward(const Pool2dGeometry& geometry) {
  return primitive(Kind::pool2d_backward, key_of(geometry), [&] {
    std::vector<Argument> arguments{{DNNL_ARG_DIFF_DST, output_layout(geometry)},
                                    {DNNL_ARG_DIFF_SRC, input_layout(geometry), /*written=*/true}};
    if (geometry.pooling == Pooling::max) arguments.push_back({DNNL_ARG_WORKSPACE, Layout()});
    return Primitive(
        "gradient, pooling of " + geometry.to_string(), /*flops=*/0,
        describe_pooling_backward(kind_of(geometry), input_layout(geometry),
                                  output_layout(geometry), {geometry.height, geometry.width}),
        arguments);
  });
}

}  // namespace

void max_pool(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output,
              Tensor& winners) {
  Primitive& pooling = forward(geometry);
  winners = Tensor::empty({pooling.bytes(DNNL_ARG_WORKSPACE)}, DType::uint8, Device::cpu);
  pooling.run({input.data<float>(), output.data<float>(), winners.data<uint8_t>()});
}

void max_pool_backward(const Pool2dGeometry& geometry, const Tensor& winners,
                       const Tensor& grad_output, Tensor& grad_input) {
  backward(geometry).run(
      {grad_output.data<float>(), grad_input.data<float>(), winners.data<uint8_t>()});
}

void pool2d(const Pool2dGeometry& geometry, const Tensor& input, Tensor& output) {
  const MemoryScope scope(MemoryUse::workspace);
  Tensor winners;
  if (geometry.pooling == Pooling::max)
    max_pool(geometry, input, output, winners);
  else
    forward(geometry).run({input.data<float>(), output.data<float>()});
}

void pool2d_backward(const Pool2dGeometry& geometry, const Tensor& input, const Tensor& output,
                     const Tensor& grad_output, Tensor& grad_input) {
  if (geometry.pooling == Pooling::average)
    return backward(geometry).run({grad_output.data<float>(), grad_input.data<float>()});
  const MemoryScope scope(MemoryUse::workspace);
  Tensor again = Tensor::empty(output.shape(), DType::float32, Device::cpu), winners;
  max_pool(geometry, input, again, winners);
  max_pool_backward(geometry, winners, grad_output, grad_input);
}

}  // namespace strata::onednn
