// relu, sigmoid and tanh, as cuDNN has them.
#include "ops/unary_kernels.h"

#include "ops/onednn/primitive.h"

namespace strata::onednn {
namespace {

dnnl_alg_kind_t kind_of(Unary op) {
  return op == Unary::relu      ? dnnl_eltwise_relu_use_dst_for_bwd
         : op == Unary::sigmoid ? dnnl_eltwise_logistic_use_dst_for_bwd
                                : dnnl_eltwise_tanh_use_dst_for_bwd;
}

std::string_view name_of(Unary op) {
  return op == Unary::relu ? "relu" : op == Unary::sigmoid ? "sigmoid" : "tanh";
}

}  // namespace

void unary(Unary op, const Tensor& input, Tensor& output) {
  const int64_t size = input.size();
  const auto make = [&] {
    const Layout layout = vector_layout(size);
    return Primitive(fmt::format("{} of {}", name_of(op), size), /*flops=*/0,
                     describe_eltwise(kind_of(op), layout),
                     {{DNNL_ARG_SRC, layout}, {DNNL_ARG_DST, layout, /*written=*/true}});
  };
  primitive(Kind::unary, {static_cast<int64_t>(op), size}, make)
      .run({input.data<float>(), output.data<float>()});
}

void unary_backward(Unary op, const Tensor& saved, const Tensor& grad_output, Tensor& grad_input) {
  const int64_t size = grad_output.size();
  const auto make = [&] {
    const Layout layout = vector_layout(size);
    return Primitive(fmt::format("gradient, {} of {}", name_of(op), size), /*flops=*/0,
                     describe_eltwise_backward(kind_of(op), layout),
                     {{DNNL_ARG_DST, layout},
                      {DNNL_ARG_DIFF_DST, layout},
                      {DNNL_ARG_DIFF_SRC, layout, /*written=*/true}});
  };
  primitive(Kind::unary_backward, {static_cast<int64_t>(op), size}, make)
      .run({saved.data<float>(), grad_output.data<float>(), grad_input.data<float>()});
}

}  // namespace strata::onednn
