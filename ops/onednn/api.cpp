// Layouts and descriptions.
#include "ops/onednn/api.h"

namespace strata::onednn {
#if DNNL_VERSION_MAJOR >= 3
namespace {

std::shared_ptr<std::remove_pointer_t<LayoutView>> owned(dnnl_memory_desc_t created) {
  return {created, [](LayoutView layout) {
            library().dnnl_memory_desc_destroy(const_cast<dnnl_memory_desc_t>(layout));
          }};
}

}  // namespace

Layout::Layout(const std::vector<int64_t>& extents, const std::vector<int64_t>& strides) {
  dnnl_memory_desc_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_memory_desc_create_with_strides(
      &created, static_cast<int>(extents.size()), extents.data(), dnnl_f32, strides.data()));
  description_ = owned(created);
}

Layout Layout::any(const std::vector<int64_t>& extents) {
  dnnl_memory_desc_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_memory_desc_create_with_tag(
      &created, static_cast<int>(extents.size()), extents.data(), dnnl_f32, dnnl_format_tag_any));
  Layout layout;
  layout.description_ = owned(created);
  return layout;
}
#else
Layout::Layout(const std::vector<int64_t>& extents, const std::vector<int64_t>& strides) {
  const auto description = std::make_shared<dnnl_memory_desc_t>();
  STRATA_ONEDNN(library().dnnl_memory_desc_init_by_strides(
      description.get(), static_cast<int>(extents.size()), extents.data(), dnnl_f32,
      strides.data()));
  description_ = description;
}

Layout Layout::any(const std::vector<int64_t>& extents) {
  const auto description = std::make_shared<dnnl_memory_desc_t>();
  STRATA_ONEDNN(
      library().dnnl_memory_desc_init_by_tag(description.get(), static_cast<int>(extents.size()),
                                             extents.data(), dnnl_f32, dnnl_format_tag_any));
  Layout layout;
  layout.description_ = description;
  return layout;
}
#endif

Windows::Windows(const ops::WindowAxis& height, const ops::WindowAxis& width) {
  int i = 0;
  for (const ops::WindowAxis* axis : {&height, &width}) {
    extents[i] = axis->window;
    strides[i] = axis->stride;
    dilations[i] = axis->dilation - 1;
    pad_before[i] = axis->pad_before;
    pad_after[i] = axis->pad_after;
    ++i;
  }
}

namespace {

/// Scratch memory comes from the caller, so that our pool counts it.
Owned<dnnl_primitive_attr_t> attributes(bool relu) {
  dnnl_primitive_attr_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_primitive_attr_create(&created));
  Owned<dnnl_primitive_attr_t> result(created, [](dnnl_primitive_attr_t handle) noexcept {
    library().dnnl_primitive_attr_destroy(handle);
  });
  STRATA_ONEDNN(
      library().dnnl_primitive_attr_set_scratchpad_mode(created, dnnl_scratchpad_mode_user));
  if (!relu) return result;
  dnnl_post_ops_t made = nullptr;
  STRATA_ONEDNN(library().dnnl_post_ops_create(&made));
  const Owned<dnnl_post_ops_t> post_ops(
      made, [](dnnl_post_ops_t handle) noexcept { library().dnnl_post_ops_destroy(handle); });
#if DNNL_VERSION_MAJOR >= 3
  STRATA_ONEDNN(library().dnnl_post_ops_append_eltwise(made, dnnl_eltwise_relu, 0, 0));
#else
  STRATA_ONEDNN(library().dnnl_post_ops_append_eltwise(made, /*scale=*/1, dnnl_eltwise_relu, 0, 0));
#endif
  STRATA_ONEDNN(library().dnnl_primitive_attr_set_post_ops(created, made));
  return result;
}

Description owned(dnnl_primitive_desc_t created) {
  return Description(created, [](dnnl_primitive_desc_t handle) noexcept {
    library().dnnl_primitive_desc_destroy(handle);
  });
}

struct Wishes {
  bool relu = false;
  const_dnnl_primitive_desc_t forward = nullptr;  // of a gradient: what it is the gradient of
};

#if DNNL_VERSION_MAJOR >= 3
template <class... Parameters, class... Arguments>
Description describe(dnnl_status_t (*function)(dnnl_primitive_desc_t*, dnnl_engine_t,
                                               Parameters...),
                     const Wishes& wishes, const Arguments&... arguments) {
  const auto attr = attributes(wishes.relu);
  dnnl_primitive_desc_t created = nullptr;
  if constexpr (sizeof...(Parameters) == sizeof...(Arguments) + 2)
    STRATA_ONEDNN(function(&created, engine(), arguments..., wishes.forward, attr.get()));
  else
    STRATA_ONEDNN(function(&created, engine(), arguments..., attr.get()));
  return owned(created);
}
#else
template <class Operation, class... Parameters, class... Arguments>
Description describe(dnnl_status_t (*function)(Operation*, Parameters...), const Wishes& wishes,
                     const Arguments&... arguments) {
  const auto attr = attributes(wishes.relu);
  Operation operation;
  STRATA_ONEDNN(function(&operation, arguments...));
  dnnl_primitive_desc_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_primitive_desc_create(&created, &operation, attr.get(), engine(),
                                                     wishes.forward));
  return owned(created);
}
#endif

constexpr dnnl_prop_kind_t kForward = dnnl_forward_training;

}  // namespace

Description describe_convolution(const Operands& operands, const Windows& windows, bool relu) {
  const auto& [input, weight, bias, output] = operands;
  return describe(library().convolution, {.relu = relu}, kForward, dnnl_convolution_direct,
                  input.get(), weight.get(), bias.get(), output.get(), windows.strides,
                  windows.dilations, windows.pad_before, windows.pad_after);
}

Description describe_convolution_grad_input(const Operands& operands, const Windows& windows) {
  const Description forward = describe_convolution(operands, windows, /*relu=*/false);
  return describe(library().convolution_grad_input, {.forward = forward.get()},
                  dnnl_convolution_direct, operands.input.get(), operands.weight.get(),
                  operands.output.get(), windows.strides, windows.dilations, windows.pad_before,
                  windows.pad_after);
}

Description describe_convolution_grad_weight(const Operands& operands, const Windows& windows) {
  const auto& [input, weight, bias, output] = operands;
  const Description forward = describe_convolution(operands, windows, /*relu=*/false);
  return describe(library().convolution_grad_weight, {.forward = forward.get()},
                  dnnl_convolution_direct, input.get(), weight.get(), bias.get(), output.get(),
                  windows.strides, windows.dilations, windows.pad_before, windows.pad_after);
}

Description describe_inner_product(const Operands& operands, bool relu) {
  const auto& [input, weight, bias, output] = operands;
  return describe(library().inner_product, {.relu = relu}, kForward, input.get(), weight.get(),
                  bias.get(), output.get());
}

Description describe_inner_product_grad_input(const Operands& operands) {
  const Description forward = describe_inner_product(operands, /*relu=*/false);
  return describe(library().inner_product_grad_input, {.forward = forward.get()},
                  operands.input.get(), operands.weight.get(), operands.output.get());
}

Description describe_inner_product_grad_weight(const Operands& operands) {
  const auto& [input, weight, bias, output] = operands;
  const Description forward = describe_inner_product(operands, /*relu=*/false);
  return describe(library().inner_product_grad_weight, {.forward = forward.get()}, input.get(),
                  weight.get(), bias.get(), output.get());
}

Description describe_pooling(dnnl_alg_kind_t kind, const Layout& input, const Layout& output,
                             const Windows& windows) {
  return describe(library().pooling, {}, kForward, kind, input.get(), output.get(), windows.strides,
                  windows.extents, windows.dilations, windows.pad_before, windows.pad_after);
}

Description describe_pooling_backward(dnnl_alg_kind_t kind, const Layout& input,
                                      const Layout& output, const Windows& windows) {
  const Description forward = describe_pooling(kind, input, output, windows);
  return describe(library().pooling_backward, {.forward = forward.get()}, kind, input.get(),
                  output.get(), windows.strides, windows.extents, windows.dilations,
                  windows.pad_before, windows.pad_after);
}

#if DNNL_VERSION_MAJOR >= 3
Description describe_eltwise(dnnl_alg_kind_t kind, const Layout& layout) {
  return describe(library().eltwise, {}, kForward, kind, layout.get(), layout.get(), 0.0f, 0.0f);
}

Description describe_eltwise_backward(dnnl_alg_kind_t kind, const Layout& layout) {
  const Description forward = describe_eltwise(kind, layout);
  return describe(library().eltwise_backward, {.forward = forward.get()}, kind, layout.get(),
                  layout.get(), layout.get(), 0.0f, 0.0f);
}
#else
Description describe_eltwise(dnnl_alg_kind_t kind, const Layout& layout) {
  return describe(library().eltwise, {}, kForward, kind, layout.get(), 0.0f, 0.0f);
}

Description describe_eltwise_backward(dnnl_alg_kind_t kind, const Layout& layout) {
  const Description forward = describe_eltwise(kind, layout);
  return describe(library().eltwise_backward, {.forward = forward.get()}, kind, layout.get(),
                  layout.get(), 0.0f, 0.0f);
}
#endif

Description describe_softmax(bool logarithm, const Layout& layout) {
  return describe(library().softmax, {}, kForward,
                  logarithm ? dnnl_softmax_log : dnnl_softmax_accurate, layout.get(), layout.get(),
                  /*axis=*/1);
}

Description describe_softmax_backward(bool logarithm, const Layout& layout) {
  const Description forward = describe_softmax(logarithm, layout);
  return describe(library().softmax_backward, {.forward = forward.get()},
                  logarithm ? dnnl_softmax_log : dnnl_softmax_accurate, layout.get(), layout.get(),
                  layout.get(), /*axis=*/1);
}

Description describe_matmul(const Layout& a, const Layout& b, const Layout& c) {
  return describe(library().matmul, {}, a.get(), b.get(), LayoutView(), c.get());
}

Description describe_reorder(LayoutView from, LayoutView to) {
  const auto attr = attributes(/*relu=*/false);
  dnnl_primitive_desc_t created = nullptr;
  STRATA_ONEDNN(library().dnnl_reorder_primitive_desc_create(&created, from, engine(), to, engine(),
                                                             attr.get()));
  return owned(created);
}

}  // namespace strata::onednn
