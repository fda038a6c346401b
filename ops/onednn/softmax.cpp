#include "ops/softmax_kernels.h"

#include "ops/onednn/primitive.h"

namespace strata::onednn {
namespace {

Key key_of(Softmax kind, const SoftmaxGeometry& geometry) {
  return {static_cast<int64_t>(kind), geometry.rows, geometry.classes};
}

}  // namespace

void softmax(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& input, Tensor& output) {
  const auto make = [&] {
    const Layout layout = matrix_layout(geometry.rows, geometry.classes);
    return Primitive(fmt::format("softmax of {}x{}", geometry.rows, geometry.classes), /*flops=*/0,
                     describe_softmax(kind == Softmax::logarithm, layout),
                     {{DNNL_ARG_SRC, layout}, {DNNL_ARG_DST, layout, /*written=*/true}});
  };
  primitive(Kind::softmax, key_of(kind, geometry), make)
      .run({input.data<float>(), output.data<float>()});
}

void softmax_backward(Softmax kind, const SoftmaxGeometry& geometry, const Tensor& output,
                      const Tensor& grad_output, Tensor& grad_input) {
  const auto make = [&] {
    const Layout layout = matrix_layout(geometry.rows, geometry.classes);
    return Primitive(fmt::format("gradient, softmax of {}x{}", geometry.rows, geometry.classes),
                     /*flops=*/0, describe_softmax_backward(kind == Softmax::logarithm, layout),
                     {{DNNL_ARG_DST, layout},
                      {DNNL_ARG_DIFF_DST, layout},
                      {DNNL_ARG_DIFF_SRC, layout, /*written=*/true}});
  };
  primitive(Kind::softmax_backward, key_of(kind, geometry), make)
      .run({output.data<float>(), grad_output.data<float>(), grad_input.data<float>()});
}

}  // namespace strata::onednn
