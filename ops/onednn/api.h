// oneDNN's C API as this folder uses it. Version 2 describes an operation in a struct first,
// version 3 does without, and hides what a memory descriptor is: api.h and api.cpp are all that
// knows. library.cpp loads it.
//
// A layout says how a tensor's elements lie in memory, a description (oneDNN: primitive descriptor)
// which operation on which layouts, and which implementation serves it.
#pragma once

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

#include <memory>
#include <source_location>
#include <type_traits>
#include <vector>

#include "ops/window.h"
#include "tensor/owned.h"
#include "tensor/shared_library.h"

namespace strata::onednn {

#if DNNL_VERSION_MAJOR >= 3
using LayoutView = const_dnnl_memory_desc_t;
#else
using LayoutView = const dnnl_memory_desc_t*;
#endif

/// A member `name` that holds the function which describes an operation.
#define STRATA_DESCRIBE(name, function) \
  const decltype(&::function) name = load<decltype(&::function)>(#function);

/// The functions that this folder calls, typed from the vendor's header.
struct Library : SharedLibrary {
  Library();

  STRATA_LIBRARY_FUNCTION(dnnl_version)
  STRATA_LIBRARY_FUNCTION(dnnl_status2str)
  STRATA_LIBRARY_FUNCTION(dnnl_engine_create)
  STRATA_LIBRARY_FUNCTION(dnnl_stream_create)
  STRATA_LIBRARY_FUNCTION(dnnl_stream_wait)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_get_size)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_equal)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_create)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_destroy)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_set_data_handle)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_attr_create)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_attr_destroy)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_attr_set_scratchpad_mode)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_attr_set_post_ops)
  STRATA_LIBRARY_FUNCTION(dnnl_post_ops_create)
  STRATA_LIBRARY_FUNCTION(dnnl_post_ops_destroy)
  STRATA_LIBRARY_FUNCTION(dnnl_post_ops_append_eltwise)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_desc_destroy)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_desc_query)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_desc_query_md)
  STRATA_LIBRARY_FUNCTION(dnnl_reorder_primitive_desc_create)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_create)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_destroy)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_execute)

#if DNNL_VERSION_MAJOR >= 3
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_create_with_strides)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_create_with_tag)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_destroy)
  STRATA_DESCRIBE(convolution, dnnl_convolution_forward_primitive_desc_create)
  STRATA_DESCRIBE(convolution_grad_input, dnnl_convolution_backward_data_primitive_desc_create)
  STRATA_DESCRIBE(convolution_grad_weight, dnnl_convolution_backward_weights_primitive_desc_create)
  STRATA_DESCRIBE(inner_product, dnnl_inner_product_forward_primitive_desc_create)
  STRATA_DESCRIBE(inner_product_grad_input, dnnl_inner_product_backward_data_primitive_desc_create)
  STRATA_DESCRIBE(inner_product_grad_weight,
                  dnnl_inner_product_backward_weights_primitive_desc_create)
  STRATA_DESCRIBE(pooling, dnnl_pooling_forward_primitive_desc_create)
  STRATA_DESCRIBE(pooling_backward, dnnl_pooling_backward_primitive_desc_create)
  STRATA_DESCRIBE(eltwise, dnnl_eltwise_forward_primitive_desc_create)
  STRATA_DESCRIBE(eltwise_backward, dnnl_eltwise_backward_primitive_desc_create)
  STRATA_DESCRIBE(softmax, dnnl_softmax_forward_primitive_desc_create)
  STRATA_DESCRIBE(softmax_backward, dnnl_softmax_backward_primitive_desc_create)
  STRATA_DESCRIBE(matmul, dnnl_matmul_primitive_desc_create)
#else
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_init_by_strides)
  STRATA_LIBRARY_FUNCTION(dnnl_memory_desc_init_by_tag)
  STRATA_LIBRARY_FUNCTION(dnnl_primitive_desc_create)
  STRATA_DESCRIBE(convolution, dnnl_dilated_convolution_forward_desc_init)
  STRATA_DESCRIBE(convolution_grad_input, dnnl_dilated_convolution_backward_data_desc_init)
  STRATA_DESCRIBE(convolution_grad_weight, dnnl_dilated_convolution_backward_weights_desc_init)
  STRATA_DESCRIBE(inner_product, dnnl_inner_product_forward_desc_init)
  STRATA_DESCRIBE(inner_product_grad_input, dnnl_inner_product_backward_data_desc_init)
  STRATA_DESCRIBE(inner_product_grad_weight, dnnl_inner_product_backward_weights_desc_init)
  STRATA_DESCRIBE(pooling, dnnl_pooling_v2_forward_desc_init)
  STRATA_DESCRIBE(pooling_backward, dnnl_pooling_v2_backward_desc_init)
  STRATA_DESCRIBE(eltwise, dnnl_eltwise_forward_desc_init)
  STRATA_DESCRIBE(eltwise_backward, dnnl_eltwise_backward_desc_init)
  STRATA_DESCRIBE(softmax, dnnl_softmax_v2_forward_desc_init)
  STRATA_DESCRIBE(softmax_backward, dnnl_softmax_v2_backward_desc_init)
  STRATA_DESCRIBE(matmul, dnnl_matmul_desc_init)
#endif

  /// Of the OpenMP that oneDNN runs on; null where oneDNN was built without threads.
  void (*set_threads)(int) = nullptr;
};
#undef STRATA_DESCRIBE

/// Loads oneDNN on the first call, and sees to it that it uses thread_count() threads. Throws
/// `device` when it cannot be loaded or runs on other threads than OpenMP's.
const Library& library();

dnnl_engine_t engine();
dnnl_stream_t stream();

void check_onednn(dnnl_status_t status, const char* expression,
                  std::source_location where = std::source_location::current());
#define STRATA_ONEDNN(expression) ::strata::onednn::check_onednn((expression), #expression)

/// How a float32 tensor lies in memory. A default-made one stands for a tensor that is not there.
class Layout {
 public:
  Layout() = default;
  /// Extents in oneDNN's order of axes (N, C, H, W), with each axis' stride in elements.
  Layout(const std::vector<int64_t>& extents, const std::vector<int64_t>& strides);
  /// As the implementation likes it best.
  static Layout any(const std::vector<int64_t>& extents);

  LayoutView get() const { return description_.get(); }
  bool exists() const { return description_ != nullptr; }

 private:
  std::shared_ptr<std::remove_pointer_t<LayoutView>> description_;
};

/// One axis after the other as oneDNN wants them; its dilation counts the pixels left out.
struct Windows {
  dnnl_dims_t extents, strides, dilations, pad_before, pad_after;
  Windows(const ops::WindowAxis& height, const ops::WindowAxis& width);
};

/// The tensors of a convolution or an inner product, or their gradients.
struct Operands {
  Layout input, weight, bias, output;
};

using Description = Owned<dnnl_primitive_desc_t>;

// With `relu` the output is clipped before it is written.
Description describe_convolution(const Operands& operands, const Windows& windows, bool relu);
Description describe_convolution_grad_input(const Operands& operands, const Windows& windows);
Description describe_convolution_grad_weight(const Operands& operands, const Windows& windows);
Description describe_inner_product(const Operands& operands, bool relu);
Description describe_inner_product_grad_input(const Operands& operands);
Description describe_inner_product_grad_weight(const Operands& operands);
Description describe_pooling(dnnl_alg_kind_t kind, const Layout& input, const Layout& output,
                             const Windows& windows);
Description describe_pooling_backward(dnnl_alg_kind_t kind, const Layout& input,
                                      const Layout& output, const Windows& windows);
Description describe_eltwise(dnnl_alg_kind_t kind, const Layout& layout);
Description describe_eltwise_backward(dnnl_alg_kind_t kind, const Layout& layout);
/// Over axis 1.
Description describe_softmax(bool logarithm, const Layout& layout);
Description describe_softmax_backward(bool logarithm, const Layout& layout);
Description describe_matmul(const Layout& a, const Layout& b, const Layout& c);
Description describe_reorder(LayoutView from, LayoutView to);

}  // namespace strata::onednn
