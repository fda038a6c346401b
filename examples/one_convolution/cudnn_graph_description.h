// For level (e): the convolution as cuDNN's graph API wants it described. Steps 1 to 4 of 7.
#pragma once

#include <vector>

#include "examples/one_convolution/shape.h"
#include "ops/cudnn/graph.h"

namespace strata::one_convolution {

/// A bag of attributes, which finalize() checks and fixes. This is the framework's owner of it: it
/// frees the descriptor, and throws with cuDNN's words when an attribute is refused.
using cudnn::Descriptor;

/// Step 1: a tensor. cuDNN counts axes as N, C, H, W whatever the layout, which the strides tell:
/// how far apart neighbours are along each axis. Here channels (c) lie next to each other. `name`
/// is any number; the address of its memory is given when the plan is executed.
inline Descriptor describe_tensor(int64_t name, int64_t n, int64_t h, int64_t w, int64_t c) {
  const std::vector<int64_t> extents = {n, c, h, w}, strides = {h * w * c, 1, w * c, c};
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, name)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span(extents))
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::span(strides))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, int64_t{16})  // of the address: lets kernels read wide
      .finalize();
  return tensor;
}

/// Step 2: how the window moves over the image.
inline Descriptor describe_window() {
  const std::vector<int64_t> none = {0, 0}, one = {1, 1};  // along the height, along the width
  Descriptor window(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  window.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      // What neural networks call convolution: the filter is not turned round.
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span(one))
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span(one))
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span(none))
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span(none))
      .finalize();
  return window;
}

/// Step 3: the operation, y = alpha * convolution(x, w) + beta * y.
inline Descriptor describe_operation() {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  operation
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
           describe_tensor('x', kBatch, kHeight, kWidth, kChannels))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
           describe_tensor('w', kFilters, kWindow, kWindow, kChannels))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
           describe_tensor('y', kBatch, kOutHeight, kOutWidth, kFilters))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, describe_window())
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f)
      .finalize();
  return operation;
}

/// Step 4: the graph. An operation that reads what another writes would be a second node of it.
inline Descriptor describe_graph(cudnnHandle_t handle) {
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, describe_operation())
      .set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)
      .finalize();
  return graph;
}

}  // namespace strata::one_convolution
