#include "tools/stack_check/probe/cuda/cudnn_convolution.h"

#include <algorithm>

namespace strata::stack_probe {
namespace {

constexpr float kOne = 1, kZero = 0;

}  // namespace

bool CudnnConvolution::describe_tensor(cudnnTensorDescriptor_t& tensor, const ConvolutionType& type,
                                       int n, int c, int h, int w) {
  return cudnn_.call(report_, cudnn_.cudnnCreateTensorDescriptor, &tensor) &&
         cudnn_.call(report_, cudnn_.cudnnSetTensor4dDescriptor, tensor, type.format, type.data, n,
                     c, h, w);
}

bool CudnnConvolution::describe(const ConvolutionShape& shape, const ConvolutionType& type) {
  const auto& [n, c, h, w, k] = shape;
  math_ = type.math;
  return describe_tensor(input_, type, n, c, h, w) && describe_tensor(output_, type, n, k, h, w) &&
         cudnn_.call(report_, cudnn_.cudnnCreateFilterDescriptor, &weight_) &&
         cudnn_.call(report_, cudnn_.cudnnSetFilter4dDescriptor, weight_, type.data, type.format, k,
                     c, 3, 3) &&
         cudnn_.call(report_, cudnn_.cudnnCreateConvolutionDescriptor, &convolution_) &&
         cudnn_.call(report_, cudnn_.cudnnSetConvolution2dDescriptor, convolution_, 1, 1, 1, 1, 1,
                     1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT) &&
         cudnn_.call(report_, cudnn_.cudnnSetConvolutionMathType, convolution_, math_);
}

/// The best algorithm that cuDNN's heuristics offer, of the arithmetic that was asked for if any
/// is: some releases call plain arithmetic the default one.
template <class Perf, class Function, class... Descriptors>
auto CudnnConvolution::choose(const Function& function, Descriptors... descriptors) {
  constexpr int kMost = 8;
  Perf offers[kMost] = {};
  int count = 0;
  const Perf* best = nullptr;
  ChosenAlgorithm<decltype(Perf::algo)> chosen;
  if (!cudnn_.call(report_, function, handle_, descriptors..., kMost, &count, offers))
    return chosen;
  for (int i = 0; i < std::min(count, kMost); ++i)
    if (offers[i].status == CUDNN_STATUS_SUCCESS &&
        (!best || (best->mathType != math_ && offers[i].mathType == math_)))
      best = &offers[i];
  if (!best) {
    report_.call(function.name, [&]() -> Status {
      return {CUDNN_STATUS_NOT_SUPPORTED, "CUDNN_STATUS_NOT_SUPPORTED", "no algorithm is offered"};
    });
    return chosen;
  }
  chosen.algorithm = best->algo;
  chosen.bytes = best->memory;
  chosen.workspace = std::make_unique<DeviceBlock>(report_, std::max<size_t>(best->memory, 1));
  return chosen;
}

bool CudnnConvolution::forward(const void* input, const void* weight, void* output) {
  forward_ = choose<cudnnConvolutionFwdAlgoPerf_t>(cudnn_.cudnnGetConvolutionForwardAlgorithm_v7,
                                                   input_, weight_, convolution_, output_);
  return forward_ &&
         cudnn_.call(report_, cudnn_.cudnnConvolutionForward, handle_, &kOne, input_, input,
                     weight_, weight, convolution_, forward_.algorithm,
                     forward_.workspace->address(), forward_.bytes, &kZero, output_, output);
}

void CudnnConvolution::forward_again(const void* input, const void* weight, void* output) const {
  cudnn_.cudnnConvolutionForward(handle_, &kOne, input_, input, weight_, weight, convolution_,
                                 forward_.algorithm, forward_.workspace->address(), forward_.bytes,
                                 &kZero, output_, output);
}

bool CudnnConvolution::backward_input(const void* weight, const void* grad_output,
                                      void* grad_input) {
  const auto chosen = choose<cudnnConvolutionBwdDataAlgoPerf_t>(
      cudnn_.cudnnGetConvolutionBackwardDataAlgorithm_v7, weight_, output_, convolution_, input_);
  return chosen &&
         cudnn_.call(report_, cudnn_.cudnnConvolutionBackwardData, handle_, &kOne, weight_, weight,
                     output_, grad_output, convolution_, chosen.algorithm,
                     chosen.workspace->address(), chosen.bytes, &kZero, input_, grad_input) &&
         report_.call("cudaDeviceSynchronize", gpu::synchronize);  // before the workspace goes
}

bool CudnnConvolution::backward_weight(const void* input, const void* grad_output,
                                       void* grad_weight) {
  const auto chosen = choose<cudnnConvolutionBwdFilterAlgoPerf_t>(
      cudnn_.cudnnGetConvolutionBackwardFilterAlgorithm_v7, input_, output_, convolution_, weight_);
  return chosen &&
         cudnn_.call(report_, cudnn_.cudnnConvolutionBackwardFilter, handle_, &kOne, input_, input,
                     output_, grad_output, convolution_, chosen.algorithm,
                     chosen.workspace->address(), chosen.bytes, &kZero, weight_, grad_weight) &&
         report_.call("cudaDeviceSynchronize", gpu::synchronize);
}

}  // namespace strata::stack_probe
